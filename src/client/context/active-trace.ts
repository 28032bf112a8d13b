/**
 * The trace that OpenTelemetry is in, without importing OpenTelemetry.
 *
 * `@opentelemetry/api` registers what is in use under a global symbol of its major version, so that any
 * number of copies and minor versions of it find one another; the key of the active span is a
 * registered symbol for the same reason. Reading there costs some 50 ns and works for every copy: bundled,
 * nested, loaded as ESM or CommonJS, set up before or after this package. Finding the module instead
 * (`createRequire`) sees only the copy that resolves from here, blocks on its first use, and fails once
 * bundled.
 */
const apiKey = Symbol.for("opentelemetry.js.api.1");
const spanKey = Symbol.for("OpenTelemetry Context Key SPAN");

interface OpenTelemetryGlobal {
  readonly context?: { active(): { getValue(key: symbol): unknown } };
}

interface Span {
  spanContext(): { readonly traceId: string };
}

const traceIdFormat = /^(?!0{32})[0-9a-f]{32}$/;

/** The trace id of the active span, sampled or not; undefined without one. Never throws. */
export function activeTraceId(): string | undefined {
  const api = (globalThis as { readonly [apiKey]?: OpenTelemetryGlobal })[apiKey];
  if (api?.context === undefined) return undefined;
  try {
    const span = api.context.active().getValue(spanKey) as Span | undefined;
    const traceId = span?.spanContext().traceId;
    return traceId !== undefined && traceIdFormat.test(traceId) ? traceId : undefined;
  } catch {
    // A context manager or span of somebody's own is no reason to fail the program that is traced.
    return undefined;
  }
}
