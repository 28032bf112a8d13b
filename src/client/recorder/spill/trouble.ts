import { codeOf } from "./disk.ts";

/** What was being done when it failed. */
export type Doing = "write" | "read" | "adopt" | "look after" | "clean up";

/** Tells of a disk that fails, once for each time that it begins to fail or fails in another way. */
export class Trouble {
  readonly #directory: string;
  readonly #onError: (error: Error) => void;
  readonly #last = new Map<Doing, string>();

  constructor(directory: string, onError: (error: Error) => void) {
    this.#directory = directory;
    this.#onError = onError;
  }

  /** It failed. */
  report(doing: Doing, cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    const kind = codeOf(cause) ?? message;
    if (this.#last.get(doing) === kind) return;
    this.#last.set(doing, kind);
    this.#onError(
      new Error(`cannot ${doing} the spill in ${this.#directory}: ${message}`, { cause }),
    );
  }

  /** It worked. */
  clear(doing: Doing): void {
    this.#last.delete(doing);
  }
}
