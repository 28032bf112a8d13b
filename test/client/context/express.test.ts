import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import { expect, onTestFinished, test } from "vitest";
import { currentAuditContext } from "../../../src/client/context/audit-context.ts";
import { auditContextMiddleware } from "../../../src/client/context/middleware.ts";
import type { NewActor } from "../../../src/client/new-entry.ts";
import { actorHere, actorOf, hammer, seenWhileWorking } from "./hammer.ts";

async function serve(app: Express): Promise<string> {
  const server = app.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close().closeAllConnections());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("a thousand requests at once never see one another's actor, before and after a body parser", async () => {
  const app = express();
  const before: unknown[] = [];
  app.use(auditContextMiddleware<express.Request>({ actor: ({ headers }) => actorOf(headers) }));
  app.use((request, _response, next) => {
    if (actorHere() !== request.get("x-actor")) before.push(actorHere());
    next();
  });
  app.use(express.json());
  app.post("/", async (request, response) => {
    expect(request.body).toEqual([1, 2]);
    response.json([actorHere(), ...(await seenWhileWorking())]);
  });
  const { wrong, fewest } = await hammer(await serve(app));
  expect(wrong).toEqual([]);
  expect(before).toEqual([]);
  expect(fewest).toBeGreaterThan(8);
});

test("the actor is whom a later middleware has found, and the routes' errors are handled in the context", async () => {
  const app = express();
  app.use(
    auditContextMiddleware<express.Request>({
      actor: ({ res }) => res?.locals.user as NewActor | undefined,
      trustedProxies: 1,
    }),
  );
  app.use((request, response, next) => {
    response.locals.user = { type: "service", id: request.get("authorization") };
    next();
  });
  app.get("/", () => {
    throw new Error("route");
  });
  const failed: express.ErrorRequestHandler = (_error, _request, response, _next) => {
    response.json(currentAuditContext());
  };
  app.use(failed);
  const headers = {
    authorization: "ada",
    "x-forwarded-for": "9.9.9.9, 203.0.113.9",
    "x-request-id": "r",
    "user-agent": "test",
  };
  expect(await (await fetch(await serve(app), { headers })).json()).toEqual({
    actor: { type: "service", id: "ada" },
    ipAddress: "203.0.113.9",
    requestId: "r",
    userAgent: "test",
  });
});
