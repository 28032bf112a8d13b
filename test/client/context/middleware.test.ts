import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import * as http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  currentAuditContext,
  setAuditContext,
  withAuditContext,
} from "../../../src/client/context/audit-context.ts";
import { auditContextMiddleware } from "../../../src/client/context/middleware.ts";
import type { RequestContextOptions } from "../../../src/client/context/request-context.ts";
import type { NewActor } from "../../../src/client/new-entry.ts";
import { actorHere, actorOf, hammer, seenWhileWorking } from "./hammer.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close().closeAllConnections());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Serves the context of each request as JSON. */
function serveContext(options: RequestContextOptions<IncomingMessage>): Promise<string> {
  const audit = auditContextMiddleware(options);
  return serve((request, response) =>
    audit(request, response, () => response.end(JSON.stringify(currentAuditContext()))),
  );
}

async function contextOf(url: string, headers: Record<string, string> = {}): Promise<unknown> {
  return (await fetch(url, { headers })).json();
}

test("the context is read from the request", async () => {
  const url = await serveContext({
    actor: ({ headers }) => actorOf(headers),
    teamId: () => "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
  });
  const headers = {
    "x-actor": "billing",
    "x-request-id": "req-1",
    "user-agent": "curl/8.5.0",
    traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
  };
  expect(await contextOf(url, headers)).toEqual({
    actor: { type: "service", id: "billing" },
    teamId: "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
    requestId: "req-1",
    traceId,
    ipAddress: "127.0.0.1",
    userAgent: "curl/8.5.0",
  });
});

test("a thousand requests at once never see one another's actor", async () => {
  const audit = auditContextMiddleware({ actor: ({ headers }) => actorOf(headers) });
  const url = await serve((request, response) =>
    audit(request, response, () => {
      const seen = [actorHere()];
      // Listeners, as much of Node's own code has them, are called from outside any context.
      request.on("data", () => seen.push(actorHere()));
      request.on("end", async () => {
        seen.push(actorHere(), ...(await seenWhileWorking()));
        response.on("finish", () => seen.push(actorHere()));
        response.end(JSON.stringify(seen));
      });
    }),
  );
  const { wrong, fewest } = await hammer(url);
  expect(wrong).toEqual([]);
  expect(fewest).toBeGreaterThan(10);
});

test("a request that another one ends keeps its own context", async () => {
  const audit = auditContextMiddleware({ actor: ({ headers }) => actorOf(headers) });
  const ended = Promise.withResolvers<unknown>();
  const seen: unknown[] = [];
  const waiting: ServerResponse[] = [];
  const url = await serve((request, response) =>
    audit(request, response, () => {
      response.on("own", () => seen.push(actorHere()));
      // Within a request the context is the emitter's, as ever in Node.
      withAuditContext({ actor: { type: "service", id: "job" } }, () => response.emit("own"));
      if (waiting.length === 0) {
        response.on("finish", () => ended.resolve(actorHere()));
        waiting.push(response);
      } else {
        waiting[0]?.end("{}");
        response.end("{}");
      }
    }),
  );
  const first = contextOf(url, { "x-actor": "first" });
  await vi.waitUntil(() => waiting.length === 1);
  await contextOf(url, { "x-actor": "second" });
  await first;
  expect(await ended.promise).toBe("first");
  expect(seen).toEqual(["job", "job"]);
});

test("requests that follow one another on a connection share nothing", async () => {
  const audit = auditContextMiddleware({ makeRequestId: false });
  const url = await serve((request, response) =>
    audit(request, response, async () => {
      const before = actorHere();
      if (request.url === "/first") {
        setAuditContext({ actor: { type: "service", id: "first" } });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      response.setHeader("connection", request.url === "/last" ? "close" : "keep-alive");
      response.end(`<${request.url} ${before} ${actorHere()}>`);
    }),
  );
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const paths = ["/first", "/second", "/last"];
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
  const text = (await socket.setEncoding("utf8").toArray()).join("");
  expect(text.match(/<.*>/g)).toEqual([
    "</first undefined first>",
    "</second undefined undefined>",
    "</last undefined undefined>",
  ]);
});

test("the context in which the server was started is not its requests'", async () => {
  const url = await withAuditContext({ actor: { type: "system" } }, () =>
    serveContext({ makeRequestId: false }),
  );
  expect(await contextOf(url, { "user-agent": "test" })).toEqual({
    ipAddress: "127.0.0.1",
    userAgent: "test",
  });
});

test("spoofed headers are taken for what they are", async () => {
  const headers = {
    "x-forwarded-for": "1.1.1.1",
    forwarded: "for=2.2.2.2",
    "x-real-ip": "3.3.3.3",
    traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    "x-request-id": "x".repeat(5_000),
    "user-agent": `\u00e9${"y".repeat(5_000)}`,
  };
  expect(await contextOf(await serveContext({}), headers)).toEqual({
    ipAddress: "127.0.0.1",
    requestId: "x".repeat(256),
    userAgent: `\u00e9${"y".repeat(1_022)}`,
  });
});

test("proxies are believed as configured", async () => {
  const headers = { "x-forwarded-for": "1.1.1.1, 203.0.113.9", forwarded: "for=6.6.6.6" };
  const address = async (options: RequestContextOptions<IncomingMessage>, more = {}) =>
    contextOf(await serveContext(options), { ...headers, ...more });
  expect(await address({ trustedProxies: 1 })).toMatchObject({ ipAddress: "203.0.113.9" });
  expect(await address({ trustedProxies: ["127.0.0.0/8"] })).toMatchObject({
    ipAddress: "203.0.113.9",
  });
  expect(await address({ trustedProxies: ["10.0.0.0/8"] })).toMatchObject({
    ipAddress: "127.0.0.1",
  });
  expect(await address({ trustedProxies: 1, forwardedHeader: "Forwarded" })).toMatchObject({
    ipAddress: "6.6.6.6",
  });
  expect(
    await address(
      { trustedProxies: 1, forwardedHeader: "CF-Connecting-IP" },
      { "cf-connecting-ip": "::9" },
    ),
  ).toMatchObject({ ipAddress: "::9" });
});

test("a request without an id is given one, the same for all its entries", async () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
  const url = await serveContext({ requestIdHeader: "X-Correlation-Id" });
  expect(await contextOf(url)).toMatchObject({ requestId: expect.stringMatching(uuid) });
  expect(await contextOf(url, { "x-correlation-id": " " })).toMatchObject({
    requestId: expect.stringMatching(uuid),
  });
  expect(await contextOf(url, { "x-correlation-id": "c" })).toMatchObject({ requestId: "c" });
});

test("mounted twice, it adds to the request's context", async () => {
  const outer = auditContextMiddleware({ actor: () => ({ type: "system" }) });
  const inner = auditContextMiddleware({ requestIdHeader: "x-other", makeRequestId: false });
  const url = await serve((request, response) =>
    outer(request, response, () =>
      inner(request, response, () => response.end(JSON.stringify(currentAuditContext()))),
    ),
  );
  expect(await contextOf(url, { "x-request-id": "r" })).toMatchObject({
    actor: { type: "system" },
    requestId: "r",
  });
});

test("mounted twice, the id that was made and the client that was found stay", async () => {
  const outer = auditContextMiddleware({ trustedProxies: 1 });
  const serveInner = (options: RequestContextOptions<IncomingMessage>) => {
    const inner = auditContextMiddleware(options);
    return serve((request, response) =>
      outer(request, response, () => {
        const before = currentAuditContext();
        inner(request, response, () =>
          response.end(JSON.stringify([before, currentAuditContext()])),
        );
      }),
    );
  };
  const headers = { "x-forwarded-for": "203.0.113.9" };
  const [before, after] = (await contextOf(await serveInner({}), headers)) as unknown[];
  expect(before).toMatchObject({ ipAddress: "203.0.113.9", requestId: expect.any(String) });
  expect(after).toEqual(before);
  // Told itself whom to believe, it believes nobody else.
  const told = (await contextOf(await serveInner({ trustedProxies: [] }), headers)) as unknown[];
  expect(told[1]).toMatchObject({ ipAddress: "127.0.0.1" });
});

test("callbacks that throw leave the request alone", async () => {
  const broken = (): never => {
    throw new Error("no such session");
  };
  const url = await serveContext({ actor: broken, teamId: broken, makeRequestId: false });
  expect(await contextOf(url, { "user-agent": "test" })).toEqual({
    ipAddress: "127.0.0.1",
    userAgent: "test",
  });
});

test("the actor may be known only after authentication", async () => {
  const users = new WeakMap<object, NewActor>();
  const audit = auditContextMiddleware({ actor: (request) => users.get(request) });
  const url = await serve((request, response) =>
    audit(request, response, async () => {
      const before = actorHere();
      await Promise.resolve();
      users.set(request, { type: "service", id: "known" });
      response.end(JSON.stringify({ before, after: actorHere() }));
    }),
  );
  expect(await contextOf(url)).toEqual({ after: "known" });
});

test("a client that leaves is noticed in the context", async () => {
  const audit = auditContextMiddleware({ actor: ({ headers }) => actorOf(headers) });
  const closed = Promise.withResolvers<unknown>();
  const url = await serve((request, response) =>
    audit(request, response, () => {
      response.on("close", () => closed.resolve(actorHere()));
      response.writeHead(200).write("never ends");
    }),
  );
  const request = httpRequest(url, { headers: { "x-actor": "leaver" } }).end();
  await once(request, "response");
  request.on("error", () => undefined);
  request.destroy();
  expect(await closed.promise).toBe("leaver");
});

test("requests over HTTP/2 have contexts too", async () => {
  const audit = auditContextMiddleware<http2.Http2ServerRequest>({
    actor: ({ headers }) => actorOf(headers),
  });
  const server = http2.createServer((request, response) =>
    audit(request, response, () => {
      const seen: unknown[] = [];
      request.on("data", () => seen.push(actorHere()));
      request.on("end", () => response.end(JSON.stringify([...seen, currentAuditContext()])));
    }),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    session.close();
    server.close();
  });
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_none, index) => {
      const stream = session.request({ ":method": "POST", "x-actor": `a-${index}` });
      stream.end("body");
      return JSON.parse((await stream.setEncoding("utf8").toArray()).join(""));
    }),
  );
  for (const [index, answer] of answers.entries()) {
    const actor = { type: "service", id: `a-${index}` };
    expect(answer).toEqual([
      actor.id,
      { actor, ipAddress: "127.0.0.1", requestId: expect.any(String) },
    ]);
  }
});

test("mistakes in the configuration are errors at once", () => {
  expect(() => auditContextMiddleware({ trustedProxies: ["proxy.local"] })).toThrow(TypeError);
});
