/** One side of what is held, older or newer: where its list goes on, and how its reading stands. */
import type { EntryFilter } from "../../client/entry-filter.ts";

/** Where more rows of a side are to be had. */
export type Edge =
  /** A list to begin or to go on with. */
  | { readonly kind: "list"; readonly filter: EntryFilter; readonly token?: string }
  /** Nowhere: the log begins here, or ended here when it was read. */
  | { readonly kind: "end" };

/** How the reading of a side stands. */
export type SideStatus =
  | { readonly kind: "more" }
  | { readonly kind: "loading" }
  /** Far was searched and nothing found: it goes on if a person wants it. */
  | { readonly kind: "searched" }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "end" };

/** A list of a filter; the end if there is none. */
export function listEdge(filter: EntryFilter | undefined, token?: string): Edge {
  if (filter === undefined) return { kind: "end" };
  return { kind: "list", filter, ...(token !== undefined && { token }) };
}

/** The status of a side that is not being read. */
export function restingStatus(edge: Edge): SideStatus {
  return edge.kind === "end" ? { kind: "end" } : { kind: "more" };
}
