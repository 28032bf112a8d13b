/** An entry as a program gives it to be recorded: plain values, short words, prefixed ids. */

/** Example: `team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11` */
export type TeamIdText = `team-${string}`;
/** Example: `log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61` */
export type EntryIdText = `log-${string}`;

/** Kinds of actor. */
export type ActorTypeWord = "user" | "api_key" | "service" | "system" | "anonymous";
/** Who may read an entry: every member of the team, or its admins and owners. */
export type ScopeWord = "team" | "admin";
/** How an action ended. */
export type StatusWord = "success" | "info" | "warning" | "error";

/** Who did it. */
export interface NewActor {
  readonly type: ActorTypeWord;
  /**
   * At most 256 bytes. Required for users (`usr-{uuid}`), API keys (`key-{uuid}`) and services; the
   * system's is `system`, and someone anonymous needs none.
   */
  readonly id?: string | undefined;
  /** A name for people to read, at most 256 bytes. Can be erased, unlike the id. */
  readonly name?: string | undefined;
}

/** What it was done to. */
export interface NewResource {
  /** Lower-case words, `_` inside, `.` between; at most 256 bytes. Example: `sandbox` */
  readonly type: string;
  /** At most 256 bytes; with its prefix if the type is registered. Example: `sb-2f8a3c1e-…` */
  readonly id?: string | undefined;
  /** A name for people to read, at most 256 bytes. */
  readonly name?: string | undefined;
}

/** The request in which it happened. */
export interface NewRequestContext {
  /** IPv4 or IPv6, without zone or prefix length. */
  readonly ipAddress?: string | undefined;
  /** At most 1 KiB. */
  readonly userAgent?: string | undefined;
  /** At most 256 bytes. */
  readonly requestId?: string | undefined;
  /** At most 256 bytes. */
  readonly traceId?: string | undefined;
}

/**
 * One thing that happened. What is left out is filled in: `id` with a new UUIDv7, `occurTime` with now,
 * actor, team and request with those of the surrounding `withAuditContext`; and by the server, the
 * team and the actor with those of the credential.
 */
export interface NewEntry {
  readonly id?: EntryIdText | undefined;
  readonly teamId?: TeamIdText | undefined;
  /** Lower-case words, `_` inside a word, `.` between words; at most 256 bytes. Example: `role_update` */
  readonly action: string;
  readonly actor?: NewActor | undefined;
  readonly resource?: NewResource | undefined;
  /** `team` unless given. */
  readonly scope?: ScopeWord | undefined;
  /** `success` unless given. */
  readonly status?: StatusWord | undefined;
  /**
   * Anything else worth knowing, small and never secret: at most 32 KiB as JSON and 16 levels deep.
   * Values that JSON does not have become text or are left out.
   */
  readonly metadata?: object | undefined;
  readonly context?: NewRequestContext | undefined;
  readonly occurTime?: Date | undefined;
}
