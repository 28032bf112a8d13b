import { once } from "node:events";
import { createServer } from "node:http";
import * as http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  createClient,
  createContextKey,
  createRouterTransport,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import {
  AuditService,
  GetResponseSchema,
  RecordResponseSchema,
  StreamResponseSchema,
} from "../../../gen/audit/v1/audit_service_pb.ts";
import {
  currentAuditContext,
  setAuditContext,
  withAuditContext,
} from "../../../src/client/context/audit-context.ts";
import {
  auditContextInterceptor,
  type ConnectRequest,
  socketAddressValues,
} from "../../../src/client/context/connect-interceptor.ts";
import { auditContextMiddleware } from "../../../src/client/context/middleware.ts";
import type { RequestContextOptions } from "../../../src/client/context/request-context.ts";
import { actorHere, hammerBlows, seenWhileWorking } from "./hammer.ts";

/** A service of the usual shapes, whose answers say which actors it saw. */
const service: Partial<ServiceImpl<typeof AuditService>> = {
  async get() {
    return create(GetResponseSchema, { entry: { action: (await seenWhileWorking()).join() } });
  },
  async *stream() {
    try {
      for (let turn = 0; turn < 3; turn += 1) {
        const before = actorHere();
        await setTimeout(Math.random() * 5);
        yield create(StreamResponseSchema, { cursor: [before, actorHere()].join() });
      }
    } finally {
      endings.push(actorHere());
    }
  },
  async record() {
    return create(RecordResponseSchema, { cursor: JSON.stringify(currentAuditContext() ?? null) });
  },
};
const endings: unknown[] = [];

const byHeader: RequestContextOptions<ConnectRequest> = {
  actor: ({ header }) => ({ type: "service", id: header.get("x-actor") ?? "" }),
};

async function serve(interceptors: Interceptor[]): Promise<string> {
  const routes = connectNodeAdapter({
    routes: (router) => void router.service(AuditService, service),
    interceptors,
    contextValues: socketAddressValues,
  });
  const server = http2.createServer(routes).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clients(baseUrl: string) {
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  const options = { baseUrl, httpVersion: "2", sessionManager } as const;
  return [createConnectTransport(options), createGrpcTransport(options)].map((transport) =>
    createClient(AuditService, transport),
  );
}

test("a thousand calls and streams at once never see one another's actor", async () => {
  const [connect, grpc] = clients(await serve([auditContextInterceptor(byHeader)]));
  await Promise.all(
    Array.from({ length: hammerBlows / 2 }, async (_none, index) => {
      const client = index % 2 === 0 ? connect : grpc;
      const id = `actor-${index}`;
      const options = { headers: { "x-actor": id } };
      const unary = client?.get({}, options);
      const seen: string[] = [];
      for await (const { cursor } of client?.stream({}, options) ?? []) seen.push(cursor);
      seen.push((await unary)?.entry?.action ?? "");
      const each = seen.join().split(",");
      expect(each.length).toBeGreaterThan(12);
      expect(new Set(each)).toEqual(new Set([id]));
    }),
  );
  expect(new Set(endings.splice(0)).size).toBe(hammerBlows / 2);
});

test("a stream that its client leaves ends in its context", async () => {
  const [client] = clients(await serve([auditContextInterceptor(byHeader)]));
  for await (const _message of client?.stream({}, { headers: { "x-actor": "leaver" } }) ?? [])
    break;
  while (endings.length === 0) await setTimeout(5);
  expect(endings.splice(0)).toEqual(["leaver"]);
});

test("the context is read from the call, and the actor from whatever authenticates it", async () => {
  const userKey = createContextKey("");
  const authenticate: Interceptor = (next) => (request) => {
    request.contextValues.set(userKey, request.header.get("authorization") ?? "");
    return next(request);
  };
  const audit = auditContextInterceptor({
    actor: ({ contextValues }) => ({ type: "service", id: contextValues.get(userKey) }),
    trustedProxies: 1,
  });
  const [client] = clients(await serve([audit, authenticate]));
  const headers = {
    authorization: "ada",
    "user-agent": "test",
    "x-request-id": "r",
    "x-forwarded-for": "203.0.113.9",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  const answer = await client?.record({}, { headers });
  expect(JSON.parse(answer?.cursor ?? "")).toEqual({
    actor: { type: "service", id: "ada" },
    userAgent: "test",
    requestId: "r",
    ipAddress: "203.0.113.9",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  });
});

test("what the middleware around the adapter has found stays", async () => {
  const adapter = connectNodeAdapter({
    routes: (router) => void router.service(AuditService, service),
    interceptors: [auditContextInterceptor(byHeader)],
    contextValues: socketAddressValues,
  });
  const audit = auditContextMiddleware({ trustedProxies: 1, requestIdHeader: "x-outer" });
  const server = createServer((request, response) =>
    audit(request, response, () => adapter(request, response)),
  ).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient(
    AuditService,
    createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  );
  const headers = { "x-forwarded-for": "203.0.113.9", "x-outer": "r", "x-actor": "ada" };
  const { cursor } = await client.record({}, { headers });
  expect(JSON.parse(cursor)).toMatchObject({
    actor: { type: "service", id: "ada" },
    requestId: "r",
    ipAddress: "203.0.113.9",
  });
});

test("calls that follow one another on a connection share nothing", async () => {
  const seen: unknown[] = [];
  const adapter = connectNodeAdapter({
    interceptors: [auditContextInterceptor()],
    routes: (router) =>
      void router.service(AuditService, {
        async record() {
          const call = seen.push(actorHere());
          setAuditContext({ actor: { type: "service", id: `call-${call}` } });
          await setTimeout(call === 1 ? 20 : 1);
          return create(RecordResponseSchema);
        },
      }),
  });
  const server = createServer(adapter).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close().closeAllConnections());
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const call = (connection: string) =>
    [
      "POST /audit.v1.AuditService/Record HTTP/1.1",
      `Host: a\r\nConnection: ${connection}`,
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ].join("\r\n");
  socket.write([call("keep-alive"), call("keep-alive"), call("close")].join(""));
  await socket.resume().toArray();
  expect(seen).toEqual([undefined, undefined, undefined]);
});

test("the context of a caller in the same process is not the handler's", async () => {
  const transport = createRouterTransport((router) => void router.service(AuditService, service), {
    router: { interceptors: [auditContextInterceptor({ makeRequestId: false })] },
  });
  const client = createClient(AuditService, transport);
  const { cursor } = await withAuditContext({ actor: { type: "system" } }, () => client.record({}));
  expect(JSON.parse(cursor)).toEqual({
    userAgent: expect.stringMatching(/^connect-es/),
  });
});
