/**
 * `@annals/client/web`: reading from Annals, and checking it, in browsers.
 *
 * @module web
 */
export { Code, ConnectError } from "@connectrpc/connect";
export type {
  AuditCalls,
  AuditCalls as AuditClient,
  CallOptions,
  EntryKey,
} from "./audit-calls.ts";
export type { BackoffOptions } from "./backoff.ts";
export type { AuditClientOptions, Token } from "./client-options.ts";
export {
  type EntryFilter,
  EntryFilterError,
  type FilterFields,
  type TimeRange,
} from "./entry-filter.ts";
export {
  type ActorJson,
  type EntryJson,
  EntryJsonError,
  entryToJson,
  type KnownWord,
} from "./entry-json.ts";
export { reasonOf } from "./error-reason.ts";
export type { EntryPage, ListQuery, PageQuery } from "./list.ts";
export type { RedactionOptions } from "./metadata/redaction.ts";
export type {
  ActorTypeWord,
  EntryIdText,
  NewActor,
  NewEntry,
  NewRequestContext,
  NewResource,
  ScopeWord,
  StatusWord,
  TeamIdText,
} from "./new-entry.ts";
export type { ConnectionState } from "./retry.ts";
export { SeenEntries } from "./seen-entries.ts";
export type { TailQuery } from "./tail-entries.ts";
export * from "./verify.ts";
export { createAuditClient } from "./web-client.ts";
