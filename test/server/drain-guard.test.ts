import { once } from "node:events";
import http from "node:http";
import { describe, expect, test } from "vitest";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { connectHttp2, serve } from "./serving.ts";

const path = "/audit.v1.AuditService/Stream";
/** An empty StreamRequest in a Connect envelope. */
const body = Buffer.alloc(5);
const clients = 100;

/** A server whose stream never stops sending, and which knows how many are going on. */
async function serveFlood(stallMs: number) {
  const flood = { started: 0, finished: 0 };
  const server = await serve({
    stallMs,
    routes: (router) =>
      router.service(AuditService, {
        // Deaf to the abort signal: the guard alone must end it.
        async *stream() {
          flood.started += 1;
          try {
            for (;;) yield { cursor: "x".repeat(64 * 1024) };
          } finally {
            flood.finished += 1;
          }
        },
      }),
  });
  return Object.assign(server, { flood });
}

const openOver = {
  "HTTP/1.1": async (url: string) => {
    const request = http.request(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/connect+proto" },
      agent: false,
    });
    request.on("error", () => {});
    request.end(body);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.on("error", () => {});
    response.pause();
    return {
      vanish: () => request.destroy(),
      closed: new Promise<void>((resolve) => response.once("close", resolve)),
      resume: () => response.resume(),
    };
  },
  "HTTP/2": async (url: string) => {
    const session = await connectHttp2(url);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/connect+proto",
    });
    stream.on("error", () => {});
    stream.end(body);
    await once(stream, "response");
    const reset = new Promise<number>((resolve) =>
      stream.once("close", () => resolve(stream.rstCode)),
    );
    return {
      vanish: () => session.destroy(),
      closed: reset.finally(() => session.destroy()),
      resume: () => stream.resume(),
    };
  },
};

describe.each(Object.entries(openOver))("over %s", (_name, open) => {
  test("streams whose clients never read and then vanish all come to their end", async () => {
    await using server = await serveFlood(60_000);
    const streams = await Promise.all(Array.from({ length: clients }, () => open(server.url)));
    expect(server.flood).toEqual({ started: clients, finished: 0 });
    for (const stream of streams) stream.vanish();
    await expect.poll(() => server.flood.finished).toBe(clients);
    expect(server.errors).toEqual([]);
  });

  test("a client that stops reading is cut off, and its stream comes to its end", async () => {
    await using server = await serveFlood(200);
    const stalled = await open(server.url);
    await expect.poll(() => server.flood.finished).toBe(1);
    stalled.resume();
    await stalled.closed;
    expect(server.errors).toEqual([]);
  });

  test("a client that reads is not cut off", async () => {
    await using server = await serveFlood(100);
    const stalled = await open(server.url);
    const reading = await open(server.url);
    reading.resume();
    // The stalled one opened first, so its end shows that the time was up for both.
    await expect.poll(() => server.flood.finished).toBe(1);
    expect(server.flood.started).toBe(2);
    reading.vanish();
    stalled.vanish();
    await expect.poll(() => server.flood.finished).toBe(2);
  });
});

test("a client that does not take a finished answer is cut off", async () => {
  await using server = await serve({
    stallMs: 200,
    routes: (router) =>
      router.service(AuditService, { get: () => ({ entry: { action: "x".repeat(1_000_000) } }) }),
  });
  const session = await connectHttp2(server.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/audit.v1.AuditService/Get",
    "content-type": "application/proto",
  });
  stream.on("error", () => {});
  stream.end();
  await once(stream, "response");
  const reset = once(session, "close");
  stream.once("close", () => session.close());
  await expect.poll(() => stream.rstCode).not.toBe(0);
  stream.resume();
  await reset;
});
