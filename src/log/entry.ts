import type { EntryId, TeamId } from "../ids.ts";

/**
 * An entry as the domain knows it: ids are UUIDs, times are whole milliseconds since the Unix
 * epoch, words are the short ones that are also stored.
 */

export const actorTypes = ["user", "api_key", "service", "system", "anonymous"] as const;
/** The kind of actor. */
export type ActorType = (typeof actorTypes)[number];

export const scopes = ["team", "admin"] as const;
/** Who may read an entry: every member, or admins and owners only. */
export type Scope = (typeof scopes)[number];

export const statuses = ["success", "info", "warning", "error"] as const;
/** How a recorded action ended. */
export type Status = (typeof statuses)[number];

/** The kind of credential an entry was recorded with; `annals` for the service's own acts. */
export type RecorderType = "user" | "api_key" | "service" | "annals";

/** A JSON value without lone surrogates, NUL or non-finite numbers. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Milliseconds since the Unix epoch, whole; years 0001 to 9999. */
export type Millis = number;

/** The part of an entry that can name a person, and so can be erased. */
export interface Details {
  readonly actorName?: string | undefined;
  readonly resourceName?: string | undefined;
  readonly metadata?: JsonObject | undefined;
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** What a caller sends, checked and normalised, with its principal and an id. */
export interface NewEntry {
  readonly id: EntryId;
  readonly teamId: TeamId;
  readonly recorder: { readonly type: RecorderType; readonly id: string };
  readonly actor: { readonly type: ActorType; readonly id: string };
  readonly resource?: { readonly type: string; readonly id?: string | undefined } | undefined;
  readonly action: string;
  readonly scope: Scope;
  readonly status: Status;
  readonly occurTime?: Millis | undefined;
  readonly details: Details;
  /** The caller gave no actor: it is the principal, which a retry's credential may name anew. */
  readonly actorImplied?: true | undefined;
  /** What the entry weighs in queues and messages: its encoded size in bytes. */
  readonly bytes: number;
}

/** Whether an entry has details, never had any, or lost them to erasure. */
export type DetailsState = "present" | "none" | "erased";

/** A recorded entry. Once erased, `details` is empty and `detailsSalt` absent. */
export interface Entry extends NewEntry {
  readonly sequence: bigint;
  readonly recordTime: Millis;
  readonly detailsState: DetailsState;
  readonly detailsSalt?: Uint8Array;
  readonly detailsDigest: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** Whether there is anything in the details. */
export function hasDetails(details: Details): boolean {
  for (const key in details) if (details[key as keyof Details] !== undefined) return true;
  return false;
}
