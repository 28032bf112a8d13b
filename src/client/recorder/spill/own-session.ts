import type { Work } from "./disk.ts";
import { Session } from "./session.ts";

/** Where the session is made, and who hears of its loss. */
export interface OwnSessionOptions {
  readonly directory: string;
  /** The session is no longer this process's: claimed by another, or else removed. */
  readonly onLost: (claimed: boolean) => void;
  /** Lets go at once of what is being written in it; the work ends that. */
  readonly detach: () => Work<void>;
}

/** The session of this process, made when it is first needed, and again if it is lost. */
export class OwnSession {
  readonly #options: OwnSessionOptions;
  #session: Session | undefined;

  constructor(options: OwnSessionOptions) {
    this.#options = options;
  }

  /** The session, if there is one. */
  get current(): Session | undefined {
    return this.#session;
  }

  /**
   * The session, made if there is none.
   *
   * @throws Error of `node:fs`.
   */
  *ensure(): Work<Session> {
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

  /**
   * Ends the session, after the work that is still to be done in it: what is in it is left to others.
   *
   * @throws Error of `node:fs`.
   */
  *leave(before: Work<void>): Work<void> {
    const session = this.#session;
    this.#session = undefined;
    try {
      yield* before;
    } finally {
      if (session !== undefined) yield* session.leave();
    }
  }

  /** Lets go of a session that is no longer there. */
  *#lose(session: Session): Work<void> {
    if (this.#session !== session) return;
    this.#session = undefined;
    const detached = this.#options.detach();
    try {
      this.#options.onLost(yield* session.wasClaimed());
    } finally {
      yield* detached;
      yield* session.forget();
    }
  }
}
