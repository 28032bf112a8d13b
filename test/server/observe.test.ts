import http from "node:http";
import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createClient,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import pino from "pino";
import { describe, expect, test } from "vitest";
import { AuditService, GetRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { createMetrics } from "../../src/server/metrics.ts";
import { observe, requestIdKey } from "../../src/server/observe.ts";
import { gate, serve } from "./serving.ts";

const get = "audit.v1.AuditService/Get";
const stream = "audit.v1.AuditService/Stream";

/** A server with a given AuditService, under observation. */
async function serveObserved(service: Partial<ServiceImpl<typeof AuditService>>) {
  const lines: Record<string, unknown>[] = [];
  const rewritten: { error: unknown; requestId: string }[] = [];
  const logger = pino({ level: "debug" }, { write: (line) => lines.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const { interceptor, requestGate } = observe({
    logger,
    metrics,
    rewrite: (error, requestId) => {
      rewritten.push({ error, requestId });
      return ConnectError.from(error, Code.Internal);
    },
  });
  const server = await serve({
    metrics,
    router: {
      interceptors: [interceptor],
      requestGate,
      readMaxBytes: 1_000,
    },
    routes: (router) => router.service(AuditService, service),
  });
  const calls = async (): Promise<Record<string, number>> => {
    const { values } = await metrics.calls.get();
    return Object.fromEntries(
      values.map(({ labels, value }) => [`${labels.method} ${labels.code}`, value]),
    );
  };
  const timed = async (): Promise<number> =>
    (await metrics.callSeconds.get()).values.find(({ metricName }) =>
      metricName?.endsWith("_count"),
    )?.value ?? 0;
  const openStreams = async (): Promise<number | undefined> =>
    (await metrics.openStreams.get()).values[0]?.value;
  return Object.assign(server, { lines, rewritten, calls, timed, openStreams });
}

const transports = {
  connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  grpc: (baseUrl: string) => createGrpcTransport({ baseUrl }),
  "grpc-web": (baseUrl: string) => createGrpcWebTransport({ baseUrl }),
};

describe.each(Object.entries(transports))("over %s", (protocol, transport) => {
  test("a call keeps its caller's request id and is counted, timed and logged", async () => {
    let seen = "";
    await using server = await serveObserved({
      get: (_request, { values }: HandlerContext) => {
        seen = values.get(requestIdKey);
        return {};
      },
    });
    const client = createClient(AuditService, transport(server.url));
    let answered: string | null = null;
    await client.get(
      { teamId: "secret-team" },
      {
        headers: { "x-request-id": "req-1", authorization: "Bearer secret-token" },
        onHeader: (header) => {
          answered = header.get("x-request-id");
        },
      },
    );
    expect([seen, answered]).toEqual(["req-1", "req-1"]);
    expect(await server.calls()).toEqual({ [`${get} ok`]: 1 });
    expect(await server.timed()).toBe(1);
    expect(server.lines).toEqual([
      {
        level: 20,
        time: expect.any(Number),
        pid: expect.any(Number),
        hostname: expect.any(String),
        method: get,
        protocol,
        code: "ok",
        durationMs: expect.any(Number),
        requestId: "req-1",
        msg: "call ended",
      },
    ]);
    expect(JSON.stringify(server.lines)).not.toContain("secret");
  });

  test("an error carries the request id, made if the caller's is none", async () => {
    await using server = await serveObserved({
      get: () => {
        throw new ConnectError("no such entry", Code.NotFound);
      },
    });
    const client = createClient(AuditService, transport(server.url));
    for (const wrong of ["x".repeat(257), "caf\u00e9"]) {
      const error = await client
        .get({}, { headers: { "x-request-id": wrong } })
        .catch((error: unknown) => ConnectError.from(error));
      expect(error).toMatchObject({ code: Code.NotFound });
      const id = (error as ConnectError).metadata.get("x-request-id");
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      expect(server.lines.at(-1)).toMatchObject({ level: 30, code: "not_found", requestId: id });
    }
    expect(await server.calls()).toEqual({ [`${get} not_found`]: 2 });
  });

  test("an unexpected failure in the middle of a stream is rewritten and counted once", async () => {
    const failure = new Error("disk on fire");
    await using server = await serveObserved({
      async *stream() {
        yield { cursor: "1" };
        throw failure;
      },
    });
    const client = createClient(AuditService, transport(server.url));
    const cursors: string[] = [];
    const reading = (async () => {
      for await (const { cursor } of client.stream({}, { headers: { "x-request-id": "req-2" } })) {
        cursors.push(cursor);
      }
    })();
    const error = await reading.catch((error: unknown) => ConnectError.from(error));
    expect(error).toMatchObject({ code: Code.Internal });
    expect((error as ConnectError).metadata.get("x-request-id")).toBe("req-2");
    expect(cursors).toEqual(["1"]);
    expect(server.rewritten).toEqual([{ error: failure, requestId: "req-2" }]);
    expect(await server.calls()).toEqual({ [`${stream} internal`]: 1 });
    expect(await server.openStreams()).toBe(0);
    expect(server.lines).toMatchObject([{ level: 50, code: "internal", msg: "stream ended" }]);
  });

  test("a stream that ends by itself is counted and timed once", async () => {
    await using server = await serveObserved({
      async *stream() {
        yield { cursor: "1" };
        yield { cursor: "2" };
      },
    });
    const client = createClient(AuditService, transport(server.url));
    expect(await Array.fromAsync(client.stream({}))).toHaveLength(2);
    expect(await server.calls()).toEqual({ [`${stream} ok`]: 1 });
    expect(await server.timed()).toBe(1);
    expect(server.lines).toMatchObject([{ level: 30, code: "ok", msg: "stream ended" }]);
  });

  test.each(["parked", "that heeds the abort", "that sends all the time"])(
    "a stream %s which its client abandons is counted once",
    async (kind) => {
      const finished = gate();
      const park = gate();
      await using server = await serveObserved({
        async *stream(_request, { signal }) {
          try {
            yield { cursor: "1" };
            if (kind === "parked") await park.opened;
            while (kind === "that sends all the time") yield { cursor: "x".repeat(1_000) };
            await new Promise((_, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
              if (signal.aborted) reject(signal.reason);
            });
          } finally {
            finished.open();
          }
        },
      });
      const client = createClient(AuditService, transport(server.url));
      const leave = new AbortController();
      const reading = (async () => {
        for await (const _ of client.stream({}, { signal: leave.signal })) {
          expect(await server.openStreams()).toBe(1);
          leave.abort();
        }
      })();
      await expect(reading).rejects.toThrow();
      await expect.poll(server.openStreams).toBe(0);
      park.open();
      await finished.opened;
      await expect.poll(server.calls).toEqual({ [`${stream} canceled`]: 1 });
      expect(await server.timed()).toBe(1);
      expect(server.lines).toMatchObject([{ level: 30, code: "canceled" }]);
    },
  );

  test("a call that runs out of time is counted so", async () => {
    await using server = await serveObserved({
      async *stream(_request, { signal }) {
        yield {};
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      },
    });
    const client = createClient(AuditService, transport(server.url));
    // By header alone, so that the client does not hang up at the same time.
    const headers = { "connect-timeout-ms": "100", "grpc-timeout": "100m" };
    const reading = Array.fromAsync(client.stream({}, { headers }));
    await expect(reading).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    await expect.poll(server.calls).toEqual({ [`${stream} deadline_exceeded`]: 1 });
  });

  test("a message that is too large never reaches the service, and is counted", async () => {
    await using server = await serveObserved({ get: () => ({}) });
    const client = createClient(AuditService, transport(server.url));
    const call = client.get(create(GetRequestSchema, { teamId: "x".repeat(2_000) }), {
      headers: { "x-request-id": "req-3" },
    });
    await expect(call).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await expect.poll(server.calls).toEqual({ [`${get} resource_exhausted`]: 1 });
    expect(server.lines).toMatchObject([{ code: "resource_exhausted", requestId: "req-3" }]);
  });
});

test("a body that is no JSON is counted, and its answer has a request id", async () => {
  await using server = await serveObserved({ get: () => ({}) });
  const response = await fetch(`${server.url}/${get}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{",
  });
  expect(response.status).toBe(400);
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  expect(await server.calls()).toEqual({ [`${get} invalid_argument`]: 1 });
});

test("a client that goes while its request is read is counted as canceled", async () => {
  await using server = await serveObserved({ get: () => ({}) });
  const request = http.request(`${server.url}/${get}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": "100" },
    agent: false,
  });
  request.on("error", () => {});
  request.write("{", () => request.destroy());
  await expect.poll(async () => Object.keys(await server.calls())).toHaveLength(1);
  expect(server.errors).toEqual([]);
});
