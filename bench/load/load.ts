import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { MessageOptions } from "./messages.ts";
import type { Protocol } from "./procedure.ts";
import type { Tally } from "./tally.ts";

/** What to call, and with what. */
export interface LoadTarget {
  readonly url: string;
  /** Example: `audit.v1.AuditService/Record` */
  readonly path: string;
  readonly protocol: Protocol;
  readonly token: string;
  readonly connections: number;
  readonly messages: MessageOptions;
}

/** How calls follow one another. */
export type Shape =
  | { readonly kind: "closed"; readonly inFlight: number; readonly seconds: number }
  | {
      readonly kind: "open";
      readonly perSecond: number;
      readonly seconds: number;
      readonly seed: number;
    };

const main = fileURLToPath(new URL("load-process.ts", import.meta.url));

/** A load generator in a process of its own, whose connections stay open between runs. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the process and connects it. */
  static async start(target: LoadTarget): Promise<Load> {
    const child = fork(main, { serialization: "advanced" });
    child.send(target);
    const load = new Load(child);
    await load.#answer();
    return load;
  }

  /**
   * Makes load and waits for all answers.
   *
   * @throws Error if any call failed, unless failures are `allowed`.
   */
  async run(shape: Shape, allowed = false): Promise<Tally> {
    this.#child.send(shape);
    const tally = (await this.#answer()) as Tally;
    if (!allowed && Object.keys(tally.problems).length > 0) {
      throw new Error(`calls failed: ${JSON.stringify(tally.problems)}`);
    }
    return tally;
  }

  async #answer(): Promise<unknown> {
    const stop = new AbortController();
    const { signal } = stop;
    try {
      return await Promise.race([
        once(this.#child, "message", { signal }).then(([message]) => message as unknown),
        once(this.#child, "exit", { signal }).then(() => {
          throw new Error("the load generator has ended");
        }),
      ]);
    } finally {
      stop.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#child.connected) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
