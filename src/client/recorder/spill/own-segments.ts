import { join } from "node:path";
import { bytesOfSegments } from "./directory.ts";
import { disk, ifThere, type Work } from "./disk.ts";
import { Segment, type Waiting } from "./segment.ts";
import { headerBytes, maxPayloadBytes, recordBytes } from "./segment-format.ts";
import { SegmentWriter, type Written } from "./segment-writer.ts";
import { Session } from "./session.ts";
import { segmentName } from "./session-name.ts";

/** What the writing side needs and whom it tells. */
export interface OwnSegmentsOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly waiting: Waiting;
  /** A segment was begun. */
  readonly onBegin: (segment: Segment) => void;
  /** Nothing more is appended to a segment. */
  readonly onComplete: (segment: Segment) => void;
  /** The session is no longer this process's: claimed by another, or else removed. */
  readonly onLost: (claimed: boolean) => void;
  /** A segment is not there any more though the session is: somebody has removed it. */
  readonly onRemoved: (segment: Segment) => void;
  /** Removes segments that are settled, so that there is room. */
  readonly removeSettled: () => Work<void>;
  readonly onError: (error: unknown) => void;
}

/** A segment that is being written. */
interface Current {
  readonly segment: Segment;
  readonly writer: SegmentWriter;
  /** How long it may become. */
  limit: number;
}

/** Where segments are begun: the end, or a place before it. */
export interface Place {
  /** Of its last segment; positions behind it are free. */
  position: number;
  /** The number behind its last entry's. */
  next: number;
}

/** How many positions are kept free at a place: more segments than there may be entries in memory for. */
const positionsAtPlace = 1_000;

/** How often one call to append writes what another process has claimed meanwhile, or somebody removed. */
const maxTries = 3;

/**
 * The segments that this process writes, and the session in which they lie, made when it is first needed.
 *
 * The room is measured when a segment is begun, and when the room that was found then is used up. So the
 * limit holds exactly for one process alone; several that write at the same time may together go beyond it
 * by as much as one segment each.
 */
export class OwnSegments {
  readonly #options: OwnSegmentsOptions;
  #session: Session | undefined;
  #current: Current | undefined;
  /** What is being written to just now. */
  #busy: Current | undefined;
  /** How many calls to append are under way: one, or two when the process is about to end. */
  #appending = 0;
  /** The number of the next entry. */
  #next = 0;
  readonly #tail: Place = { position: positionsAtPlace, next: 0 };
  #place: Place = { position: 0, next: 0 };
  /** Whether something was appended behind the place. */
  #isBehindPlace = false;
  /** Whether the current segment lies before the place. */
  #isSealed = false;

  constructor(options: OwnSegmentsOptions) {
    this.#options = options;
  }

  /** The session, if there is one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /**
   * The session, made if there is none.
   *
   * @throws Error of `node:fs`.
   */
  *ensureSession(): Work<Session> {
    if (this.#session !== undefined) return this.#session;
    const made = yield* Session.create(this.#options.directory);
    const other = this.#session as Session | undefined;
    if (other === undefined) {
      this.#session = made;
      return made;
    }
    // Made meanwhile by a call that did not wait.
    yield* made.leave();
    return other;
  }

  /** Where the order is now: what is appended from now on comes behind this place. */
  place(): Place {
    if (this.#isBehindPlace) {
      this.#place = { ...this.#tail };
      this.#tail.position += positionsAtPlace;
      this.#isBehindPlace = false;
      this.#isSealed = true;
    }
    return this.#place;
  }

  /**
   * Appends entries in order and syncs, at a place or behind everything; answers how many of them are
   * written. Never throws.
   */
  *append(payloads: readonly Uint8Array[], place = this.#tail): Work<number> {
    let done = 0;
    // The process is about to end, and another call may yet be at it.
    const isApart = this.#appending > 0 || place !== this.#tail;
    this.#appending += 1;
    if (isApart || this.#isSealed) yield* this.#endCurrent();
    this.#isSealed = false;
    this.#isBehindPlace ||= place === this.#tail;
    try {
      done = yield* this.#append(payloads, place);
    } catch (error) {
      this.#options.onError(error);
    }
    if (isApart) yield* this.#endCurrent();
    this.#appending -= 1;
    return done;
  }

  *#append(payloads: readonly Uint8Array[], place: Place): Work<number> {
    let done = 0;
    for (let tries = 0; done < payloads.length && tries < maxTries; ) {
      const current = yield* this.#withRoomFor(payloads[done], place);
      if (current === undefined) break;
      const { entries, error, gone } = yield* this.#write(current, payloads.slice(done), place);
      done += entries;
      if (gone) tries += 1;
      if (error === undefined) continue;
      this.#options.onError(error);
      break;
    }
    return done;
  }

  /** Lets what comes next begin in a segment of its own. */
  *#endCurrent(): Work<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined && current !== this.#busy) yield* this.#end(current);
  }

  /**
   * Shows that this process lives. Answers whether the session, if there is one, was still its own.
   *
   * @throws Error of `node:fs`.
   */
  *touch(): Work<boolean> {
    const session = this.#session;
    if (session === undefined || (yield* session.touch())) return true;
    yield* this.#lose(session);
    return false;
  }

  /** Ends the current segment if all of it is settled, so that it goes. Never throws. */
  *endSettled(): Work<void> {
    if (this.#current?.segment.isSettled === true) yield* this.#end(this.#current);
  }

  /**
   * Ends the session: what is in it is left to others.
   *
   * @throws Error of `node:fs`.
   */
  *leave(): Work<void> {
    const session = this.#session;
    this.#session = undefined;
    try {
      if (this.#current !== undefined) yield* this.#end(this.#current);
      yield* this.#options.removeSettled();
    } finally {
      if (session !== undefined) yield* session.leave();
    }
  }

  /** Lets go of a session that is no longer there. */
  *#lose(session: Session): Work<void> {
    if (this.#session !== session) return;
    this.#session = undefined;
    const current = this.#current;
    this.#current = undefined;
    try {
      this.#options.onLost(yield* session.wasClaimed());
    } finally {
      if (current !== undefined && current !== this.#busy) yield* this.#end(current);
      yield* session.forget();
    }
  }

  /** Writes what fits, and makes sure that it was not written into a session that was claimed. */
  *#write(
    current: Current,
    payloads: readonly Uint8Array[],
    place: Place,
  ): Work<Written & { gone: boolean }> {
    const { segment, writer, limit } = current;
    const fitting = payloads.slice(0, howManyFit(payloads, limit - writer.size));
    const first = this.#next;
    this.#next += fitting.length;
    this.#busy = current;
    let written: Written;
    let gone: boolean;
    try {
      written = yield* writer.append(fitting, first);
      // Asked after the sync: whoever claims the session from now on finds the entries in it.
      gone = (yield* ifThere(disk.stat(writer.path))) === undefined;
    } catch (error) {
      yield* this.#end(current);
      throw error;
    } finally {
      this.#busy = undefined;
    }
    if (gone) {
      if (yield* this.touch()) this.#options.onRemoved(segment);
      if (!segment.complete) yield* this.#end(current);
      return { entries: 0, bytes: 0, gone };
    }
    const { entries, bytes, error } = written;
    segment.grow(entries, bytes, writer.size);
    segment.end = first + entries;
    place.next = segment.end;
    if (error !== undefined || this.#current !== current) yield* this.#end(current);
    return { ...written, gone };
  }

  /** The segment to write to, with room for at least this entry; undefined if there is no room. */
  *#withRoomFor(payload: Uint8Array | undefined, place: Place): Work<Current | undefined> {
    if (payload === undefined || payload.length > maxPayloadBytes) return undefined;
    const { directory, maxBytes, segmentBytes, removeSettled } = this.#options;
    const bytes = recordBytes(payload);
    const fits = ({ writer, limit }: Current) => writer.size + bytes <= limit;
    if (this.#current !== undefined && fits(this.#current)) return this.#current;
    if (this.#current !== undefined) {
      const isFull = this.#current.writer.size + bytes > segmentBytes;
      if (isFull || this.#current.segment.isSettled) yield* this.#end(this.#current);
    }
    yield* removeSettled();
    const room = maxBytes - (yield* bytesOfSegments(directory));
    const current = this.#current;
    if (current !== undefined) {
      current.limit = Math.min(segmentBytes, current.writer.size + room);
      return fits(current) ? current : undefined;
    }
    if (headerBytes + bytes > room) return undefined;
    return yield* this.#begin(Math.min(room, Math.max(segmentBytes, headerBytes + bytes)), place);
  }

  *#begin(limit: number, place: Place): Work<Current> {
    for (let tries = 1; ; tries += 1) {
      const session = yield* this.ensureSession();
      const first = this.#next;
      // A segment is compared with the one right behind it: between them no number is missing.
      place.position += place.next === first ? 1 : 2;
      place.next = first;
      const path = join(session.path, segmentName(place.position));
      const writer = yield* ifThere(SegmentWriter.begin(path, first));
      if (writer !== undefined) {
        const current = this.#use(writer, limit, first);
        if (this.#next === first) return current;
        // A call that did not wait has used the numbers meanwhile.
        yield* this.#end(current);
      } else if (tries === maxTries) throw new Error(`${session.path} does not stay`);
      else yield* this.touch();
    }
  }

  #use(writer: SegmentWriter, limit: number, first: number): Current {
    const segment = new Segment(writer.path, this.#options.waiting, first);
    segment.size = writer.size;
    this.#current = { segment, writer, limit };
    this.#options.onBegin(segment);
    return this.#current;
  }

  /** Ends a segment. Never throws: all that counts of it is synced. */
  *#end(current: Current): Work<void> {
    if (this.#current === current) this.#current = undefined;
    current.segment.complete = true;
    this.#options.onComplete(current.segment);
    try {
      yield* current.writer.close();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function howManyFit(payloads: readonly Uint8Array[], bytes: number): number {
  let left = bytes;
  const beyond = payloads.findIndex((payload) => {
    left -= recordBytes(payload);
    return left < 0 || payload.length > maxPayloadBytes;
  });
  return beyond === -1 ? payloads.length : beyond;
}
