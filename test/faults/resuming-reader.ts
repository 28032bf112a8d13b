import { setTimeout as delay } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";

type Audit = Client<typeof AuditService>;

const passing: readonly Code[] = [
  Code.Unavailable,
  // The connection was reset, or closed by the test.
  Code.Aborted,
  Code.Canceled,
];

/** Follows a team's log from its beginning through every outage, from cursor to cursor. */
export class ResumingReader implements AsyncDisposable {
  /** The ids that came, which must be at positions 1, 2, 3 … */
  readonly ids: string[] = [];
  /** How often the stream had to be opened again. */
  resumed = 0;
  readonly #cancel = new AbortController();
  readonly #reading: Promise<void>;
  #cursor = "";

  constructor(choose: () => Audit, teamId: string) {
    this.#reading = this.#read(choose, teamId);
    this.#reading.catch(() => undefined); // Heard by whoever waits.
  }

  /** Resolves when everything up to a position has come. */
  async reached(size: number): Promise<void> {
    await Promise.race([
      expect.poll(() => this.ids.length, { timeout: 30_000, interval: 20 }).toBe(size),
      this.#reading,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel.abort();
    await this.#reading;
  }

  async #read(choose: () => Audit, teamId: string): Promise<void> {
    const { signal } = this.#cancel;
    while (!signal.aborted) {
      const start =
        this.#cursor === ""
          ? ({ case: "beginning", value: {} } as const)
          : ({ case: "afterCursor", value: this.#cursor } as const);
      try {
        for await (const message of choose().stream({ teamId, start }, { signal })) {
          for (const { id, sequence } of message.entries) {
            this.ids.push(id);
            expect(sequence).toBe(BigInt(this.ids.length));
          }
          this.#cursor = message.cursor;
        }
      } catch (error) {
        if (!passing.includes(ConnectError.from(error).code)) throw error;
        if (signal.aborted) return;
      }
      this.resumed += 1;
      await delay(50);
    }
  }
}
