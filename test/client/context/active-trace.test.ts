import { createRequire } from "node:module";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, expect, test } from "vitest";
import { activeTraceId } from "../../../src/client/context/active-trace.ts";
import {
  currentAuditContext,
  withAuditContext,
} from "../../../src/client/context/audit-context.ts";

function startTracing(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider());
}

afterEach(() => {
  context.disable();
  trace.disable();
});

test("without OpenTelemetry in use there is no trace", () => {
  expect(activeTraceId()).toBeUndefined();
});

test("the active span's trace is found, however late tracing began, and only while it is active", async () => {
  expect(activeTraceId()).toBeUndefined();
  startTracing();
  expect(activeTraceId()).toBeUndefined();
  await trace.getTracer("test").startActiveSpan("work", async (span) => {
    await Promise.resolve();
    expect(activeTraceId()).toBe(span.spanContext().traceId);
    span.end();
  });
  expect(activeTraceId()).toBeUndefined();
});

test("another copy of the API finds the same", () => {
  const commonJs: typeof import("@opentelemetry/api") = createRequire(import.meta.url)(
    "@opentelemetry/api",
  );
  expect(commonJs.trace).not.toBe(trace);
  startTracing();
  commonJs.trace.getTracer("test").startActiveSpan("work", (span) => {
    expect(activeTraceId()).toBe(span.spanContext().traceId);
  });
});

test("a span without a valid trace counts for nothing", () => {
  startTracing();
  const none = trace.wrapSpanContext({ traceId: "0".repeat(32), spanId: "1", traceFlags: 0 });
  context.with(trace.setSpan(context.active(), none), () => {
    expect(activeTraceId()).toBeUndefined();
  });
});

test("a context's own trace stands over the active one, which stands in without a context too", () => {
  startTracing();
  trace.getTracer("test").startActiveSpan("work", (span) => {
    const { traceId } = span.spanContext();
    expect(currentAuditContext()).toEqual({ traceId });
    withAuditContext({ requestId: "r" }, () => {
      expect(currentAuditContext()).toEqual({ requestId: "r", traceId });
    });
    withAuditContext({ traceId: "own" }, () => {
      expect(currentAuditContext()).toEqual({ traceId: "own" });
    });
  });
});

test("a foreign object in OpenTelemetry's place disturbs nobody", () => {
  const key = Symbol.for("opentelemetry.js.api.1");
  const globals = globalThis as { [key: symbol]: unknown };
  const before = globals[key];
  for (const api of [{ context: {} }, { context: { active: () => null } }, 7, {}]) {
    globals[key] = api;
    expect(activeTraceId()).toBeUndefined();
  }
  globals[key] = before;
});
