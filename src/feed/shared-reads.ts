import type { Position } from "../log/position.ts";
import type { Delivery } from "./delivery.ts";

/** What a delivery may hold besides its entries: them encoded, as Protobuf and about twice that as JSON. */
const encodings = 3;
/** About what one holds without its entries: itself and its envelopes; and each position withheld. */
const deliveryBytes = 1_024;
const withheldBytes = 256;

/**
 * What readers of a ring were given, for others who ask the same of it: those who follow a log
 * under one filter stand at one place, so that it is read, filtered and encoded once for all of
 * them. It is true of the ring as it is: whoever changes that clears this.
 */
export class SharedReads {
  readonly #reads = new Map<string, Delivery<Position>>();
  #bytes = 0;

  /**
   * About what is held, with what is made of it for the wire. A question counts as well: whoever may
   * read a quiet log can ask as many as they like, each with a long filter that nothing passes.
   */
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
    this.#bytes += deliveryBytes + 2 * question.length;
    this.#bytes += withheldBytes * (read.withheld?.length ?? 0);
    for (const entry of read.entries) this.#bytes += encodings * entry.bytes;
  }

  /** Forgets everything. */
  clear(): void {
    this.#reads.clear();
    this.#bytes = 0;
  }
}
