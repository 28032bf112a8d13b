import { join } from "node:path";
import { contentsOf } from "./directory.ts";
import { isMissing, later } from "./disk.ts";
import { Segment, type Waiting } from "./segment.ts";
import { recordBytes } from "./segment-format.ts";
import { SegmentReader } from "./segment-reader.ts";
import { removeSession, type Session } from "./session.ts";
import { segmentPosition } from "./session-name.ts";

/** Read at a time while counting. */
const countEntries = 1_000;
const countBytes = 1024 * 1024;

/** What a segment was found to hold. */
interface Counted {
  readonly position: number;
  readonly segment: Segment;
  /** Has read all of it. */
  readonly reader: SegmentReader;
}

/** The sessions that lie in one's own because it has claimed them. */
export class Adoption {
  readonly #waiting: Waiting;
  readonly #onError: (error: unknown) => void;
  readonly #onDamaged: (entries: number) => void;
  /** The segments taken in, by session. They are not forgotten when they go: a listing may be older. */
  readonly #known = new Map<string, Set<string>>();

  /** `waiting` is kept up to date; `onError` is told of what cannot be read, which is tried again. */
  constructor(
    waiting: Waiting,
    onError: (error: unknown) => void,
    onDamaged: (entries: number) => void,
  ) {
    this.#waiting = waiting;
    this.#onError = onError;
    this.#onDamaged = onDamaged;
  }

  /**
   * Takes in what is new in the session's adopted sessions, and removes those in which nothing is left.
   * Answers the new segments, oldest first.
   *
   * @throws Error of `node:fs`.
   */
  async takeIn(session: Session): Promise<Segment[]> {
    const segments: Segment[] = [];
    await this.#flatten(session);
    const { sessions } = await later(contentsOf(session.path));
    for (const name of sessions) segments.push(...(await this.#takeIn(join(session.path, name))));
    for (const path of this.#known.keys()) {
      if (!sessions.some((name) => join(session.path, name) === path)) this.#known.delete(path);
    }
    return segments;
  }

  /** Sessions that an adopted one had adopted come to lie beside it. */
  async #flatten(session: Session): Promise<void> {
    for (let moved = 1; moved > 0; ) {
      moved = 0;
      for (const name of (await later(contentsOf(session.path))).sessions) {
        const path = join(session.path, name);
        for (const inner of (await later(contentsOf(path))).sessions) {
          if (await later(session.adoptFrom(path, inner))) moved += 1;
        }
      }
    }
  }

  async #takeIn(path: string): Promise<Segment[]> {
    const names = (await later(contentsOf(path))).segments;
    if (names.length === 0) {
      await later(removeSession(path));
      return [];
    }
    const known = this.#known.get(path) ?? new Set();
    this.#known.set(path, known);
    const counted: Counted[] = [];
    for (const name of names.filter((name) => !known.has(name))) {
      const last = counted.at(-1);
      const position = segmentPosition(name) ?? 0;
      const before = last?.position === position - 1 ? last : undefined;
      try {
        const found = await this.#count(join(path, name), position, before?.reader.next);
        if (before !== undefined) before.segment.end = found.reader.first;
        counted.push(found);
        known.add(name);
      } catch (error) {
        if (!isMissing(error)) this.#onError(error);
      }
    }
    for (const { segment, reader } of counted) this.#onDamaged(segment.takeDamage(reader));
    return counted.map(({ segment }) => segment);
  }

  /** Reads through a segment; `next` is the number of its first record, if that is known. */
  async #count(path: string, position: number, next: number | undefined): Promise<Counted> {
    const reader = new SegmentReader(path, next);
    try {
      const size = await reader.size();
      const segment = new Segment(path, this.#waiting, next);
      let entries = 0;
      let bytes = 0;
      for (;;) {
        const payloads = await reader.read(size, countEntries, countBytes, true);
        if (payloads.length === 0) break;
        entries += payloads.length;
        for (const payload of payloads) bytes += recordBytes(payload);
      }
      segment.complete = true;
      segment.grow(entries, bytes, size);
      return { position, segment, reader };
    } finally {
      reader.close();
    }
  }
}
