/** Ids that a client chooses for its entries. */
import { randomUUIDv7 } from "node:crypto";

/** A new entry's id, ordered by time. Example: `log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61` */
export function newEntryId(): string {
  return `log-${randomUUIDv7()}`;
}
