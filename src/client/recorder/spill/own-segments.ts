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
  /** The number of its next entry. */
  next: number;
}

/** A point in the order of what is appended: before what comes later, behind what came earlier. */
export interface Place {
  /** Undefined: before all that this process has appended. */
  readonly session: Session | undefined;
  /** Positions behind this one are kept free. */
  readonly position: number;
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
  #position = positionsAtPlace;
  /** The number of the first entry of the next segment. */
  #next = 0;
  #place: Place = { session: undefined, position: 0 };
  /** Whether something was appended behind the place. */
  #isBehindPlace = false;
  /** Whether the current segment lies before the place. */
  #isSealed = false;
  /** The last position used at a place. */
  readonly #usedAt = new Map<number, number>();

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
      this.#position = positionsAtPlace;
      this.#usedAt.clear();
      this.#next = 0;
      return made;
    }
    // Made meanwhile by a call that did not wait.
    yield* made.leave();
    return other;
  }

  /** Where the order is now: what is appended from now on comes behind this place. */
  place(): Place {
    if (this.#session !== undefined && this.#isBehindPlace) {
      // The first position behind the last segment stays empty: only neighbours are compared.
      this.#place = { session: this.#session, position: this.#position + 1 };
      this.#position += positionsAtPlace;
      this.#isBehindPlace = false;
      this.#isSealed = true;
    }
    return this.#place;
  }

  /**
   * Appends entries in order and syncs, at a place or behind everything; answers how many of them are
   * written. Never throws.
   */
  *append(payloads: readonly Uint8Array[], place?: Place): Work<number> {
    let done = 0;
    // The process is about to end, and another call may yet be at it.
    const isApart = this.#appending > 0 || place !== undefined;
    this.#appending += 1;
    if (isApart || this.#isSealed) yield* this.#setApart();
    this.#isSealed = false;
    try {
      if (place === undefined) {
        done = yield* this.#append(payloads);
        this.#isBehindPlace ||= done > 0;
      } else {
        done = yield* this.#appendAt(place, payloads);
      }
    } catch (error) {
      this.#options.onError(error);
    }
    if (isApart) yield* this.#setApart();
    this.#appending -= 1;
    return done;
  }

  *#appendAt(place: Place, payloads: readonly Uint8Array[]): Work<number> {
    const session = yield* this.ensureSession();
    // In a session made since, everything of the one before comes first.
    const start = place.session === session ? place.position : 0;
    const end = this.#position;
    this.#position = this.#usedAt.get(start) ?? start;
    try {
      return yield* this.#append(payloads);
    } finally {
      if (this.#session === session) {
        // With a gap: the numbers of a later call do not go on where these end.
        this.#usedAt.set(start, this.#position + 1);
        this.#position = end;
      }
    }
  }

  *#append(payloads: readonly Uint8Array[]): Work<number> {
    let done = 0;
    for (let tries = 0; done < payloads.length && tries < maxTries; ) {
      const current = yield* this.#withRoomFor(payloads[done]);
      if (current === undefined) break;
      const { entries, error, gone } = yield* this.#write(current, payloads.slice(done));
      done += entries;
      if (gone) tries += 1;
      if (error === undefined) continue;
      this.#options.onError(error);
      break;
    }
    return done;
  }

  /** Lets what comes next begin in a segment whose numbers need not go on where others end. */
  *#setApart(): Work<void> {
    // Segments are compared only with those right behind them.
    this.#position += 1;
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
  *#write(current: Current, payloads: readonly Uint8Array[]): Work<Written & { gone: boolean }> {
    const { segment, writer, limit, next } = current;
    const fitting = payloads.slice(0, howManyFit(payloads, limit - writer.size));
    this.#busy = current;
    let written: Written;
    let gone: boolean;
    try {
      written = yield* writer.append(fitting, next);
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
    current.next = next + entries;
    segment.end = current.next;
    this.#next = Math.max(this.#next, current.next);
    if (error !== undefined || this.#current !== current) yield* this.#end(current);
    return { ...written, gone };
  }

  /** The segment to write to, with room for at least this entry; undefined if there is no room. */
  *#withRoomFor(payload: Uint8Array | undefined): Work<Current | undefined> {
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
    return yield* this.#begin(Math.min(room, Math.max(segmentBytes, headerBytes + bytes)));
  }

  *#begin(limit: number): Work<Current> {
    for (let tries = 1; ; tries += 1) {
      const session = yield* this.ensureSession();
      this.#position += 1;
      const path = join(session.path, segmentName(this.#position));
      const next = this.#next;
      const writer = yield* ifThere(SegmentWriter.begin(path, next));
      if (writer !== undefined) return this.#use(writer, limit, next);
      if (tries === maxTries) throw new Error(`${session.path} does not stay`);
      yield* this.touch();
    }
  }

  #use(writer: SegmentWriter, limit: number, next: number): Current {
    const segment = new Segment(writer.path, this.#options.waiting, next);
    segment.size = writer.size;
    this.#current = { segment, writer, limit, next };
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
