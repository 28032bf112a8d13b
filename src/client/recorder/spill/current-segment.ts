import { join } from "node:path";
import { bytesOfSegments } from "./directory.ts";
import { disk, ifThere, type Work } from "./disk.ts";
import type { OwnSession } from "./own-session.ts";
import type { Place } from "./places.ts";
import { Segment, type Waiting } from "./segment.ts";
import { headerBytes, maxPayloadBytes, recordBytes } from "./segment-format.ts";
import { SegmentWriter, type Written } from "./segment-writer.ts";
import { segmentName } from "./session-name.ts";

/** How much may be written, and who hears of it. */
export interface CurrentSegmentOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly waiting: Waiting;
  /** A segment was begun. */
  readonly onBegin: (segment: Segment) => void;
  /** Nothing more is appended to a segment. */
  readonly onComplete: (segment: Segment) => void;
  /** A segment is not there any more though the session is: somebody has removed it. */
  readonly onRemoved: (segment: Segment) => void;
  /** Removes segments that are settled, so that there is room. */
  readonly removeSettled: () => Work<void>;
  readonly onError: (error: unknown) => void;
}

/** A segment that is being written. */
export interface Current {
  readonly segment: Segment;
  readonly writer: SegmentWriter;
  /** How long it may become. */
  limit: number;
}

/** How often one call to append writes what another process has claimed meanwhile, or somebody removed. */
export const maxTries = 3;

/**
 * The segment that this process writes to.
 *
 * The room is measured when a segment is begun, and when the room that was found then is used up. So the
 * limit holds exactly for one process alone; several that write at the same time may together go beyond it
 * by as much as one segment each.
 */
export class CurrentSegment {
  readonly #session: OwnSession;
  readonly #options: CurrentSegmentOptions;
  #current: Current | undefined;
  /** What is being written to just now. */
  #busy: Current | undefined;
  /** The number of the next entry. */
  #next = 0;

  constructor(session: OwnSession, options: CurrentSegmentOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Lets what comes next begin in a segment of its own, from now on; the work ends the one before. */
  detach(): Work<void> {
    const current = this.#current;
    this.#current = undefined;
    return this.#endUnlessBusy(current);
  }

  /** Ends the segment. Never throws. */
  *end(): Work<void> {
    if (this.#current !== undefined) yield* this.#end(this.#current);
  }

  /** Ends the segment if all of it is settled, so that it goes. Never throws. */
  *endSettled(): Work<void> {
    if (this.#current?.segment.isSettled === true) yield* this.#end(this.#current);
  }

  /**
   * The segment to write to, with room for at least this entry; undefined if there is no room.
   *
   * @throws Error of `node:fs`.
   */
  *withRoomFor(payload: Uint8Array | undefined, place: Place): Work<Current | undefined> {
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

  /**
   * Writes what fits, and makes sure that it was not written into a session that was claimed, or a file
   * that was removed: then it is `gone`.
   *
   * @throws Error of `node:fs`; the segment has ended then.
   */
  *write(
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
      if (yield* this.#session.touch()) this.#options.onRemoved(segment);
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

  *#begin(limit: number, place: Place): Work<Current> {
    for (let tries = 1; ; tries += 1) {
      const session = yield* this.#session.ensure();
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
      else yield* this.#session.touch();
    }
  }

  #use(writer: SegmentWriter, limit: number, first: number): Current {
    const segment = new Segment(writer.path, this.#options.waiting, first);
    segment.size = writer.size;
    this.#current = { segment, writer, limit };
    this.#options.onBegin(segment);
    return this.#current;
  }

  *#endUnlessBusy(current: Current | undefined): Work<void> {
    if (current !== undefined && current !== this.#busy) yield* this.#end(current);
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
