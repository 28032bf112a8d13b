import fs from "node:fs";
import { promisify } from "node:util";
import {
  decodeHeader,
  headerBytes,
  markerBytes,
  recordAt,
  recordBytes,
  recordOverheadBytes,
} from "./segment-format.ts";

/** Read from the file at a time, unless one record needs more. */
const pieceBytes = 256 * 1024;

const open = promisify<string, string, number>(fs.open);
const fstat = promisify<number, fs.Stats>(fs.fstat);
const read = promisify(fs.read);

/**
 * Reads a segment piece by piece. Records that are damaged are passed over, and reading goes on at the next
 * marker with a sound record behind it. What is cut short or damaged at the end ends the segment.
 */
export class SegmentReader {
  readonly #path: string;
  #fd: number | undefined;
  /** A piece of the file, and how much of it is done with. */
  #piece: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Where in the file the piece ends. */
  #position = 0;
  #needsBytes = headerBytes;
  #marker: Buffer | undefined;
  #first: number | undefined;
  #next: number | undefined;
  #damaged = 0;
  /** Not even one marker is known. */
  #unreadable = false;
  #hasRecord = false;

  /** `first` is the number of the first record, if it is known from elsewhere. */
  constructor(path: string, first?: number) {
    this.#path = path;
    this.#next = first;
  }

  /** How far it has been read: an offset into the file. */
  get offset(): number {
    return this.#position - this.#piece.length + this.#at;
  }

  /** How many records were passed over before the last one that was read. */
  get damaged(): number {
    return this.#damaged;
  }

  /** The number of the first record, as the header says. */
  get first(): number | undefined {
    return this.#first;
  }

  /** The number of the record that is due next; undefined as long as nothing was readable. */
  get next(): number | undefined {
    return this.#next;
  }

  /** Whether a header or a record was found: that it is a segment at all. */
  get isRecognised(): boolean {
    return this.#first !== undefined || this.#hasRecord;
  }

  /**
   * How long the file is.
   *
   * @throws Error of `node:fs`.
   */
  async size(): Promise<number> {
    this.#fd ??= await open(this.#path, "r");
    return (await fstat(this.#fd)).size;
  }

  /**
   * The next payloads among the first `size` bytes of the file, at most `maxEntries`, and of at most
   * `maxBytes`; but if `atLeastOne`, the first may be larger.
   *
   * @throws Error of `node:fs`, or if the segment's version is not known. It goes on from there when it is
   *   called again.
   */
  async read(
    size: number,
    maxEntries: number,
    maxBytes: number,
    atLeastOne: boolean,
  ): Promise<Uint8Array[]> {
    const payloads: Uint8Array[] = [];
    for (let bytes = 0; payloads.length < maxEntries; ) {
      const found = this.#find(this.#position >= size);
      if (found === undefined) {
        if (this.#position >= size) break;
        await this.#fill(size);
        continue;
      }
      bytes += found.payload.length;
      if (bytes > maxBytes && !(atLeastOne && payloads.length === 0)) break;
      payloads.push(new Uint8Array(found.payload));
      this.#hasRecord = true;
      this.#at += recordBytes(found.payload);
      this.#damaged += Math.max(0, found.number - (this.#next ?? found.number));
      this.#next = found.number + 1;
    }
    return payloads;
  }

  /** Closes the file; reading would open it again. Not while it is being read. */
  close(): void {
    if (this.#fd !== undefined) fs.close(this.#fd);
    this.#fd = undefined;
  }

  /** The next sound record of the piece, if there is one. `last`: nothing comes behind this piece. */
  #find(last: boolean): { readonly number: number; readonly payload: Buffer } | undefined {
    const marker = this.#marker ?? this.#findMarker(last);
    if (marker === undefined) return undefined;
    while (this.#at < this.#piece.length) {
      const found = recordAt(this.#piece, this.#at, marker);
      if (found !== "damaged" && "payload" in found) return found;
      if (found !== "damaged" && !last) {
        this.#needsBytes = found.needsBytes;
        return undefined;
      }
      const next = this.#piece.indexOf(marker, this.#at + 1);
      // The beginning of a marker may stand at the end of the piece.
      const beyond = last ? this.#piece.length : this.#piece.length - markerBytes + 1;
      this.#at = next === -1 ? Math.max(this.#at + 1, beyond) : next;
    }
    this.#needsBytes = recordOverheadBytes;
    return undefined;
  }

  /** Reads the header. If that is damaged, the first record's marker may do; else nothing is readable. */
  #findMarker(last: boolean): Buffer | undefined {
    const enough = this.#piece.length >= headerBytes + markerBytes;
    if (!enough && !last) {
      this.#needsBytes = headerBytes + markerBytes;
      return undefined;
    }
    const header =
      this.#unreadable || this.#piece.length < headerBytes ? undefined : decodeHeader(this.#piece);
    const candidate = this.#piece.subarray(headerBytes, headerBytes + markerBytes);
    // In a file of zeroes every byte would look like a marker.
    const usable = enough && !this.#unreadable && candidate.some((byte) => byte !== candidate[0]);
    this.#first = header?.first;
    this.#next = header?.first ?? this.#next;
    this.#marker = header?.marker ?? (usable ? Buffer.from(candidate) : undefined);
    this.#unreadable = this.#marker === undefined;
    this.#at = this.#unreadable ? this.#piece.length : headerBytes;
    return this.#marker;
  }

  async #fill(size: number): Promise<void> {
    this.#fd ??= await open(this.#path, "r");
    const rest = this.#piece.subarray(this.#at);
    const wanted = Math.max(pieceBytes, this.#needsBytes - rest.length);
    const piece = Buffer.allocUnsafe(rest.length + Math.min(wanted, size - this.#position));
    rest.copy(piece);
    const length = piece.length - rest.length;
    const { bytesRead } = await read(this.#fd, piece, rest.length, length, this.#position);
    this.#piece = piece.subarray(0, rest.length + bytesRead);
    this.#at = 0;
    // A file that is shorter than it was has no more to read.
    this.#position = bytesRead === 0 ? size : this.#position + bytesRead;
  }
}
