import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
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

/** Calls have a deadline of 30 s; what is not answered by then never will be. */
const patienceSeconds = 60;

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
    await load.#answer(patienceSeconds);
    return load;
  }

  /**
   * Makes load and waits for all answers.
   *
   * @throws Error if any call failed or was never answered.
   */
  async run(shape: Shape): Promise<Tally> {
    this.#child.send(shape);
    const tally = (await this.#answer(shape.seconds + patienceSeconds)) as Tally;
    if (Object.keys(tally.problems).length > 0) {
      throw new Error(`calls failed: ${JSON.stringify(tally.problems)}`);
    }
    return tally;
  }

  async #answer(withinSeconds: number): Promise<unknown> {
    const stop = new AbortController();
    const { signal } = stop;
    try {
      return await Promise.race([
        delay(withinSeconds * 1_000, undefined, { signal }).then(() => {
          throw new Error(`calls were not answered within ${withinSeconds} s`);
        }),
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
