import { AuditError } from "../errors.ts";
import { type Principal, principalKey } from "./principal.ts";

/** Counts the open streams of each principal and holds them to a limit. */
export class StreamCounter {
  readonly #limit: number;
  readonly #open = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Counts a stream in; dispose of the result when it ends.
   *
   * @throws AuditError TOO_MANY_STREAMS.
   */
  open(principal: Principal): Disposable {
    const key = principalKey(principal);
    const count = this.#open.get(key) ?? 0;
    if (count >= this.#limit) {
      throw new AuditError("TOO_MANY_STREAMS", `at most ${this.#limit} streams may be open`, {
        metadata: { limit: String(this.#limit) },
      });
    }
    this.#open.set(key, count + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#open.get(key) ?? 1) - 1;
        if (left === 0) this.#open.delete(key);
        else this.#open.set(key, left);
      },
    };
  }
}
