import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { disk, ifThere, syncDirectory, type Work, writeFully } from "./disk.ts";
import {
  encodeHeader,
  encodeRecords,
  headerBytes,
  markerBytes,
  recordBytes,
} from "./segment-format.ts";

/** Encoded and written at a time. */
const pieceBytes = 256 * 1024;

/** What became of entries that were to be written. */
export interface Written {
  /** How many, from the first on, are written and synced. */
  readonly entries: number;
  /** What their records take. */
  readonly bytes: number;
  /** Why it was not all of them; the segment has ended then. */
  readonly error?: unknown;
}

/** Writes a segment. One call at a time. */
export class SegmentWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #marker: Buffer;
  #size = headerBytes;
  #closed = false;

  private constructor(path: string, fd: number, marker: Buffer) {
    this.path = path;
    this.#fd = fd;
    this.#marker = marker;
  }

  /**
   * Begins a segment in a new file.
   *
   * @throws Error of `node:fs`; the file is gone again then.
   */
  static *begin(path: string, first: number): Work<SegmentWriter> {
    const marker = randomBytes(markerBytes);
    const fd = yield* disk.open(path, "wx", 0o600);
    try {
      yield* writeFully(fd, encodeHeader({ marker, first }), 0);
      yield* syncDirectory(dirname(path));
      return new SegmentWriter(path, fd, marker);
    } catch (error) {
      yield* disk.close(fd);
      yield* ifThere(disk.unlink(path));
      throw error;
    }
  }

  /** How long the file is, up to the end of what is synced. */
  get size(): number {
    return this.#size;
  }

  /** Appends entries, numbered from `first` on, and syncs. Never throws. */
  *append(payloads: readonly Uint8Array[], first: number): Work<Written> {
    let reached = this.#size;
    try {
      for (let start = 0; start < payloads.length; ) {
        const piece = payloads.slice(start, endOfPiece(payloads, start));
        const records = encodeRecords(piece, this.#marker, first + start);
        yield* writeFully(this.#fd, records, reached, (bytes) => {
          reached += bytes;
        });
        start += piece.length;
      }
    } catch (error) {
      return yield* this.#cutBack(payloads, reached, error);
    }
    try {
      yield* disk.fdatasync(this.#fd);
    } catch (error) {
      // What was written may be gone, and a second sync would not say so.
      return yield* this.#cutBack(payloads, this.#size, error);
    }
    const bytes = reached - this.#size;
    this.#size = reached;
    return { entries: payloads.length, bytes };
  }

  /**
   * Closes the file; once.
   *
   * @throws Error of `node:fs`.
   */
  *close(): Work<void> {
    if (this.#closed) return;
    this.#closed = true;
    yield* disk.close(this.#fd);
  }

  /** Keeps the records that are whole. If that fails too, what is behind the synced ones does not count. */
  *#cutBack(payloads: readonly Uint8Array[], reached: number, error: unknown): Work<Written> {
    let entries = 0;
    let end = this.#size;
    for (const payload of payloads) {
      if (end + recordBytes(payload) > reached) break;
      end += recordBytes(payload);
      entries += 1;
    }
    try {
      yield* disk.ftruncate(this.#fd, end);
      if (entries > 0) yield* disk.fdatasync(this.#fd);
    } catch {
      // The first error says what is wrong.
      return { entries: 0, bytes: 0, error };
    }
    const bytes = end - this.#size;
    this.#size = end;
    return { entries, bytes, error };
  }
}

function endOfPiece(payloads: readonly Uint8Array[], start: number): number {
  let bytes = 0;
  let end = start;
  for (let next = payloads[end]; next !== undefined && bytes < pieceBytes; next = payloads[end]) {
    bytes += recordBytes(next);
    end += 1;
  }
  return end;
}
