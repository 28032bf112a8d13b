/**
 * `@annals/client`: recording to Annals and reading from it, on Node.
 *
 * @module client
 */
export { Code, ConnectError } from "@connectrpc/connect";
export type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
export type { AuditCalls, CallOptions, EntryKey } from "./audit-calls.ts";
export type { BackoffOptions } from "./backoff.ts";
export { type AuditClient, createAuditClient } from "./client.ts";
export type { AuditClientOptions, Token } from "./client-options.ts";
export {
  type AuditContext,
  currentAuditContext,
  setAuditContext,
  withAuditContext,
  withoutAuditContext,
} from "./context/audit-context.ts";
export type { TrustedProxies } from "./context/client-address.ts";
export {
  auditContextInterceptor,
  type ConnectRequest,
  socketAddressKey,
  socketAddressValues,
} from "./context/connect-interceptor.ts";
export type { Lazy, NewAuditContext } from "./context/context-state.ts";
export {
  type AuditContextPlugin,
  auditContextPlugin,
  type FastifyRequestShape,
  type FastifyShape,
} from "./context/fastify-plugin.ts";
export {
  type AuditContextMiddleware,
  auditContextMiddleware,
  type HttpRequest,
} from "./context/middleware.ts";
export type { RequestContextOptions } from "./context/request-context.ts";
export {
  type EntryFilter,
  EntryFilterError,
  type FilterFields,
  type TimeRange,
} from "./entry-filter.ts";
export { newEntryId } from "./entry-id.ts";
export {
  type ActorJson,
  type EntryJson,
  EntryJsonError,
  entryFromJson,
  entryToJson,
  type KnownWord,
} from "./entry-json.ts";
export { reasonOf } from "./error-reason.ts";
export type { EventSink } from "./events/amended.ts";
export type { CatalogueEvent } from "./events/catalogue-event.ts";
export { defineEvents, type EventCatalogue } from "./events/define-events.ts";
export type {
  EventDefinition,
  EventDefinitions,
  PrefixChanges,
} from "./events/event-definition.ts";
export type { JsonSchemaOptions } from "./events/json-schema.ts";
export type { MarkdownOptions } from "./events/markdown.ts";
export type { StandardSchema } from "./events/standard-schema.ts";
export type { EventOptions, EventRecorder, TypedEvents } from "./events/typed-events.ts";
export type { EntryPage, ListQuery, PageQuery } from "./list.ts";
export { type Change, type Changes, type DiffOptions, diff } from "./metadata/diff.ts";
export type { PlainValue } from "./metadata/plain-value.ts";
export { redact } from "./metadata/redact.ts";
export { compileRedaction, type Redaction, type RedactionOptions } from "./metadata/redaction.ts";
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
export { recordedFromJson } from "./recorded-json.ts";
export { createRecorder, type RecorderOptions } from "./recorder/create-recorder.ts";
export {
  type BatchResult,
  type Meter,
  type MeterOptions,
  openTelemetryMetrics,
} from "./recorder/opentelemetry-metrics.ts";
export {
  type PromClient,
  type PromConfiguration,
  type PromCounter,
  type PrometheusMetricsOptions,
  type PromGauge,
  prometheusMetrics,
} from "./recorder/prometheus-metrics.ts";
export { NotRecordedError, type Recorder, type WaitOptions } from "./recorder/recorder.ts";
export type { DropReason, RecorderEvents, RecorderStats, RefusedEntry } from "./recorder/stats.ts";
export type { ConnectionState } from "./retry.ts";
export { SeenEntries } from "./seen-entries.ts";
export type { TailQuery } from "./tail-entries.ts";
