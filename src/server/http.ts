import type { ServerResponse } from "node:http";
import { cors as connectCors } from "@connectrpc/connect";
import cors from "cors";
import type { Registry } from "prom-client";
import type { Health } from "./health.ts";
import type { HttpHandler, HttpResponse } from "./http-handler.ts";

/**
 * Answers what is no RPC: GET and HEAD of `/healthz` (the process is alive), `/readyz` (200, or 503
 * with the failing checks) and `/metrics` (Prometheus text); anything else is 404. All are open to
 * whoever reaches the port, and hold no data of any team.
 */
export function httpRoutes(options: { health: Health; registry: Registry }): HttpHandler {
  const { health, registry } = options;
  return (request, response) => {
    const path = request.url?.split("?", 1)[0];
    const reads = request.method === "GET" || request.method === "HEAD";
    switch (reads ? path : undefined) {
      case "/healthz":
        send(response, 200, "text/plain; charset=utf-8", "ok\n");
        return;
      case "/readyz":
        sendJson(response, health.ready ? 200 : 503, {
          ready: health.ready,
          reasons: health.reasons,
        });
        return;
      case "/metrics":
        registry.metrics().then(
          (text) => send(response, 200, registry.contentType, text),
          (error: unknown) => sendJson(response, 500, { message: String(error) }),
        );
        return;
      default:
        // Also what a client gets for a method that this server does not have yet: in the shape
        // and with the code that Connect gives to 404.
        sendJson(response, 404, {
          code: "unimplemented",
          message: "nothing is served at this path",
        });
    }
  };
}

function sendJson(response: HttpResponse, status: number, body: unknown): void {
  send(response, status, "application/json", `${JSON.stringify(body)}\n`);
}

function send(response: HttpResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  // Node leaves the body out of the answer to a HEAD. The two classes' end() differ in types only.
  (response as ServerResponse).end(body);
}

const allowedHeaders = [
  ...connectCors.allowedHeaders,
  "Authorization",
  "X-API-Key",
  "X-Request-Id",
];

/**
 * Lets pages of the given origins call, and answers their preflights without asking for
 * credentials (browsers send none with them). Other origins get no permission; their browsers
 * then keep the answers from them. No origins: the handler as it is.
 *
 * Throws for anything but exact origins such as `https://console.example.com`: `*` would let any
 * page use what a person's browser can reach.
 */
export function withCors(handler: HttpHandler, origins: readonly string[]): HttpHandler {
  for (const origin of origins) {
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/*?#\s]+$/.test(origin)) {
      throw new Error(`not an origin such as https://console.example.com: ${origin}`);
    }
  }
  if (origins.length === 0) return handler;
  const permit = cors({
    origin: [...origins],
    methods: [...connectCors.allowedMethods],
    allowedHeaders,
    exposedHeaders: [...connectCors.exposedHeaders, "X-Request-Id"],
    // The most that browsers keep a preflight's answer: two hours in Chromium.
    maxAge: 7200,
  });
  return (request, response) => {
    permit(request, response as ServerResponse, () => handler(request, response));
  };
}
