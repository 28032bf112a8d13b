import { CurrentSegment, type CurrentSegmentOptions, maxTries } from "./current-segment.ts";
import type { Work } from "./disk.ts";
import { OwnSession } from "./own-session.ts";
import { type Place, Places } from "./places.ts";
import type { Session } from "./session.ts";

/** What the writing side needs and whom it tells. */
export interface OwnSegmentsOptions extends CurrentSegmentOptions {
  /** The session is no longer this process's: claimed by another, or else removed. */
  readonly onLost: (claimed: boolean) => void;
}

/** The segments that this process writes, and the session in which they lie, made when it is first needed. */
export class OwnSegments {
  readonly #options: OwnSegmentsOptions;
  readonly #session: OwnSession;
  readonly #current: CurrentSegment;
  readonly #places = new Places();
  /** How many calls to append are under way: one, or two when the process is about to end. */
  #appending = 0;

  constructor(options: OwnSegmentsOptions) {
    this.#options = options;
    const { directory, onLost } = options;
    this.#session = new OwnSession({ directory, onLost, detach: () => this.#current.detach() });
    this.#current = new CurrentSegment(this.#session, options);
  }

  /** The session, if there is one. */
  get session(): Session | undefined {
    return this.#session.current;
  }

  /**
   * The session, made if there is none.
   *
   * @throws Error of `node:fs`.
   */
  ensureSession(): Work<Session> {
    return this.#session.ensure();
  }

  /** Where the order is now: what is appended from now on comes behind this place. */
  place(): Place {
    return this.#places.take();
  }

  /**
   * Appends entries in order and syncs, at a place or behind everything; answers how many of them are
   * written. Never throws.
   */
  *append(payloads: readonly Uint8Array[], place = this.#places.tail): Work<number> {
    let done = 0;
    // The process is about to end, and another call may yet be at it.
    const isApart = this.#appending > 0 || place !== this.#places.tail;
    this.#appending += 1;
    if (isApart || this.#places.isSealed) yield* this.#current.detach();
    this.#places.append(place);
    try {
      done = yield* this.#append(payloads, place);
    } catch (error) {
      this.#options.onError(error);
    }
    if (isApart) yield* this.#current.detach();
    this.#appending -= 1;
    return done;
  }

  *#append(payloads: readonly Uint8Array[], place: Place): Work<number> {
    let done = 0;
    for (let tries = 0; done < payloads.length && tries < maxTries; ) {
      const current = yield* this.#current.withRoomFor(payloads[done], place);
      if (current === undefined) break;
      const { entries, error, gone } = yield* this.#current.write(
        current,
        payloads.slice(done),
        place,
      );
      done += entries;
      if (gone) tries += 1;
      if (error === undefined) continue;
      this.#options.onError(error);
      break;
    }
    return done;
  }

  /**
   * Shows that this process lives. Answers whether the session, if there is one, was still its own.
   *
   * @throws Error of `node:fs`.
   */
  touch(): Work<boolean> {
    return this.#session.touch();
  }

  /** Ends the current segment if all of it is settled, so that it goes. Never throws. */
  endSettled(): Work<void> {
    return this.#current.endSettled();
  }

  /**
   * Ends the session: what is in it is left to others.
   *
   * @throws Error of `node:fs`.
   */
  leave(): Work<void> {
    return this.#session.leave(this.#endAll());
  }

  *#endAll(): Work<void> {
    yield* this.#current.end();
    yield* this.#options.removeSettled();
  }
}
