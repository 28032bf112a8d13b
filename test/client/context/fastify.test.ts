import { once } from "node:events";
import { request as httpRequest } from "node:http";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { expect, onTestFinished, test, vi } from "vitest";
import { currentAuditContext } from "../../../src/client/context/audit-context.ts";
import { auditContextPlugin } from "../../../src/client/context/fastify-plugin.ts";
import type { NewActor } from "../../../src/client/new-entry.ts";
import { actorHere, actorOf, hammer, seenWhileWorking } from "./hammer.ts";

declare module "fastify" {
  interface FastifyRequest {
    user?: NewActor;
  }
}

function start(): FastifyInstance {
  const app = Fastify();
  onTestFinished(() => app.close());
  return app;
}

test("a thousand requests at once never see one another's actor, in any hook", async () => {
  const app = start();
  await app.register(
    auditContextPlugin<FastifyRequest>({ actor: ({ headers }) => actorOf(headers) }),
  );
  const wrongInHooks: unknown[] = [];
  const check = (request: FastifyRequest, hook: string) => {
    if (actorHere() !== request.headers["x-actor"]) wrongInHooks.push([hook, actorHere()]);
  };
  app.addHook("onRequest", async (request) => check(request, "onRequest"));
  app.addHook("preValidation", (request, _reply, done) => {
    check(request, "preValidation");
    setImmediate(done);
  });
  app.addHook("preHandler", async (request) => check(request, "preHandler"));
  app.addHook("onSend", async (request) => check(request, "onSend"));
  app.addHook("onResponse", async (request) => check(request, "onResponse"));
  app.post("/", async (request) => {
    expect(request.body).toEqual([1, 2]);
    return seenWhileWorking();
  });
  const { wrong, fewest } = await hammer(await app.listen({ port: 0, host: "127.0.0.1" }));
  expect(wrong).toEqual([]);
  expect(wrongInHooks).toEqual([]);
  expect(fewest).toBeGreaterThan(8);
});

test("it reaches routes of other plugins, and knows whom later hooks have found", async () => {
  const app = start();
  await app.register(
    auditContextPlugin<FastifyRequest>({
      actor: ({ user }) => user,
      trustedProxies: ["127.0.0.1"],
    }),
  );
  app.addHook("preHandler", async (request) => {
    request.user = { type: "service", id: String(request.headers.authorization) };
  });
  await app.register(async (inner) => {
    inner.get("/context", async () => currentAuditContext());
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const headers = {
    authorization: "ada",
    "x-forwarded-for": "9.9.9.9, 203.0.113.9",
    "user-agent": "test",
  };
  expect(await (await fetch(`${url}/context`, { headers })).json()).toEqual({
    actor: { type: "service", id: "ada" },
    ipAddress: "203.0.113.9",
    // Fastify's own: the same that is in its log.
    requestId: "req-1",
    userAgent: "test",
  });
});

test("a client that leaves is noticed in the context", async () => {
  const app = start();
  await app.register(
    auditContextPlugin<FastifyRequest>({ actor: ({ headers }) => actorOf(headers) }),
  );
  const closed = Promise.withResolvers<unknown>();
  const read: unknown[] = [];
  app.addContentTypeParser("text/odd", (_request, _payload, done) => done(null));
  app.post("/", (request, reply) => {
    request.raw.on("data", () => read.push(actorHere()));
    reply.raw.on("close", () => closed.resolve(actorHere()));
    reply.hijack();
    reply.raw.writeHead(200).write("never ends");
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const headers = { "x-actor": "leaver", "content-type": "text/odd" };
  const request = httpRequest(url, { method: "POST", headers });
  request.write("a");
  await once(request, "response");
  request.write("b");
  await vi.waitUntil(() => read.length > 1);
  request.on("error", () => undefined);
  request.destroy();
  expect(await closed.promise).toBe("leaver");
  expect(new Set(read)).toEqual(new Set(["leaver"]));
});

test("registered again within a plugin, it adds to the request's context", async () => {
  const app = start();
  await app.register(auditContextPlugin({ requestIdHeader: "x-outer", trustedProxies: 1 }));
  await app.register(async (inner) => {
    await inner.register(auditContextPlugin({ actor: () => ({ type: "system" }) }));
    inner.get("/", async () => currentAuditContext());
  });
  const headers = { "x-outer": "r", "x-forwarded-for": "203.0.113.9" };
  expect((await app.inject({ url: "/", headers })).json()).toMatchObject({
    actor: { type: "system" },
    requestId: "r",
    ipAddress: "203.0.113.9",
  });
});

test("registered within a plugin, it stays there", async () => {
  const app = start();
  app.get("/outside", async () => ({ context: currentAuditContext() ?? null }));
  await app.register(async (inner) => {
    await inner.register(auditContextPlugin({ actor: () => ({ type: "system" }) }));
    inner.get("/inside", async () => ({ actor: actorHere(), context: currentAuditContext() }));
  });
  expect((await app.inject("/outside")).json()).toEqual({ context: null });
  expect((await app.inject("/inside")).json()).toMatchObject({
    context: { actor: { type: "system" } },
  });
});

test("a body read by a parser that leaves the context comes back to it", async () => {
  const app = start();
  await app.register(
    auditContextPlugin<FastifyRequest>({ actor: ({ headers }) => actorOf(headers) }),
  );
  const waiting: (() => void)[] = [];
  const worker = setInterval(() => waiting.splice(0).forEach((resume) => void resume()), 1);
  onTestFinished(() => clearInterval(worker));
  app.addContentTypeParser("text/odd", (_request, payload, done) => {
    payload.resume();
    waiting.push(() => done(null, "parsed"));
  });
  app.post("/", async () => ({ actor: actorHere() }));
  const answer = await app.inject({
    method: "POST",
    url: "/",
    headers: { "content-type": "text/odd", "x-actor": "odd" },
    payload: "text",
  });
  expect(answer.json()).toEqual({ actor: "odd" });
});
