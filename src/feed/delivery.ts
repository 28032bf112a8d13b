import type { Entry } from "../log/entry.ts";
import type { Leaf } from "../store/entries.ts";

/**
 * A message of a subscription: entries and where it stands then. Without entries: a heartbeat.
 * Nothing of it ever changes, and many subscriptions may be given the same one: what is made of
 * it can be kept with it.
 */
export interface Delivery<P> {
  readonly entries: readonly Entry[];
  /** If asked for: the positions up to here that the filter leaves out, ascending. */
  readonly withheld?: readonly Leaf[];
  readonly position: P;
}
