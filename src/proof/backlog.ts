import type { TeamId } from "../ids.ts";
import { forEachOf } from "./for-each-of.ts";

/** What the backlog needs of the world. */
export interface BacklogOptions {
  /** Signs a log as it is when this is called, or later. */
  readonly sign: (teamId: TeamId) => Promise<unknown>;
  /** Hears how many logs are in it. */
  readonly onChange: (logs: number) => void;
}

/** Logs signed at a time: those that share a sync of the store make its rate. */
const signedAtOnce = 16;

/** The logs that have grown since they were signed, as far as this replica knows. */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #teams = new Set<TeamId>();
  #signing: Promise<void> | undefined;
  #stopped = false;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  add(teamId: TeamId): void {
    if (this.#teams.has(teamId)) return;
    this.#teams.add(teamId);
    this.#options.onChange(this.#teams.size);
  }

  /**
   * Signs what is in it now. What cannot be signed stays.
   *
   * @throws the first failure, after which no other log is begun.
   */
  signAll(): Promise<void> {
    this.#signing ??= this.#signAll().finally(() => {
      this.#signing = undefined;
    });
    return this.#signing;
  }

  /** Signs once more, for `graceMs` at most, and never again. */
  async close(graceMs: number): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const late = setTimeout(() => ended.resolve(), graceMs);
    // Where what is under way fails, so would another try, which would only open sessions anew. Why
    // does not matter any more: whoever starts next finds what has grown.
    Promise.resolve(this.#signing)
      .then(() => this.signAll())
      .catch(() => undefined)
      .finally(ended.resolve);
    await ended.promise;
    this.#stopped = true;
    clearTimeout(late);
  }

  async #signAll(): Promise<void> {
    await forEachOf([...this.#teams], signedAtOnce, async (teamId) => {
      if (this.#stopped) return;
      // Before its head is read: what is committed from then on puts it back.
      this.#teams.delete(teamId);
      try {
        await this.#options.sign(teamId);
      } catch (error) {
        this.#teams.add(teamId);
        throw error;
      } finally {
        this.#options.onChange(this.#teams.size);
      }
    });
  }
}
