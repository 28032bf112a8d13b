import type { Position } from "../log/position.ts";
import type { Delivery } from "./delivery.ts";

/** What a delivery may hold besides its entries: them encoded, as Protobuf and twice that as JSON. */
const encodings = 3;

/**
 * What readers of a ring were given, for others who ask the same of it: those who follow a log
 * under one filter stand at one place, so that it is read, filtered and encoded once for all of
 * them. It is true of the ring as it is: whoever changes that clears this.
 */
export class SharedReads {
  readonly #reads = new Map<string, Delivery<Position>>();
  #bytes = 0;

  /** An upper bound of what is held, with what is made of it for the wire. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What was read for the same question before. */
  get(question: string): Delivery<Position> | undefined {
    return this.#reads.get(question);
  }

  /** Keeps what was read for a question. */
  set(question: string, read: Delivery<Position>): void {
    this.#reads.set(question, read);
    for (const entry of read.entries) this.#bytes += encodings * entry.bytes;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#reads.size === 0) return;
    this.#reads.clear();
    this.#bytes = 0;
  }
}
