import { describe, expect, test } from "vitest";
import { withCors } from "../../src/server/http.ts";
import { connectHttp2, http2Request, serve } from "./serving.ts";

const origin = "https://console.example.com";

describe("beside the RPCs", () => {
  test("/healthz says that the process is alive, ready or not", async () => {
    await using server = await serve();
    server.health.set("database", false);
    const response = await fetch(`${server.url}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("ok\n");
  });

  test("/readyz says whether to send calls here, and why not", async () => {
    await using server = await serve();
    const ready = await fetch(`${server.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ ready: true, reasons: [] });

    server.health.set("database", false, "cannot be reached");
    const unready = await fetch(`${server.url}/readyz?verbose`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({
      ready: false,
      reasons: ["database: cannot be reached"],
    });
  });

  test("/metrics is what Prometheus reads, of this server alone", async () => {
    await using server = await serve();
    await using other = await serve();
    other.metrics.appendRetries.inc(7);
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain("\nannals_append_retries_total 0\n");
    expect(text).toContain("\nprocess_cpu_seconds_total ");
  });

  test("HEAD answers without a body, over both protocols", async () => {
    await using server = await serve();
    const response = await fetch(`${server.url}/healthz`, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("3");
    const session = await connectHttp2(server.url);
    const answer = await http2Request(session, { ":method": "HEAD", ":path": "/readyz" });
    expect(answer).toMatchObject({ headers: { ":status": 200 }, body: "" });
    session.close();
  });

  test("any other path is 404, as JSON that a Connect client understands", async () => {
    await using server = await serve();
    for (const [path, method] of [
      ["/", "GET"],
      ["/healthz", "POST"],
      ["/healthz/", "GET"],
      ["/audit.v1.AuditService/NoSuchMethod", "POST"],
    ] as const) {
      const response = await fetch(server.url + path, { method });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "unimplemented" });
    }
  });
});

describe("pages of other origins", () => {
  const preflight = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,connect-protocol-version",
  };
  const path = "/grpc.health.v1.Health/Check";

  test("that are configured may call; the preflight needs no credentials", async () => {
    await using server = await serve({ origins: ["http://localhost:5173", origin] });
    const response = await fetch(server.url + path, { method: "OPTIONS", headers: preflight });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(response.headers.get("vary")).toBe("Origin");
    expect(response.headers.get("access-control-allow-methods")).toBe("POST,GET");
    const allowed = response.headers.get("access-control-allow-headers")?.toLowerCase();
    for (const header of ["authorization", "x-api-key", "x-request-id", "connect-timeout-ms"]) {
      expect(allowed?.split(",")).toContain(header);
    }

    const call = await fetch(server.url + path, {
      method: "POST",
      headers: { origin, "content-type": "application/json" },
      body: "{}",
    });
    expect(await call.json()).toEqual({ status: "SERVING" });
    expect(call.headers.get("access-control-allow-origin")).toBe(origin);
    expect(call.headers.get("vary")).toBe("Origin");
    const exposed = call.headers.get("access-control-expose-headers")?.toLowerCase().split(",");
    expect(exposed).toEqual(expect.arrayContaining(["grpc-status", "x-request-id"]));
  });

  test("that are configured may call over HTTP/2", async () => {
    await using server = await serve({ origins: [origin] });
    const session = await connectHttp2(server.url);
    const answer = await http2Request(session, {
      ":method": "OPTIONS",
      ":path": path,
      ...preflight,
    });
    expect(answer.headers).toMatchObject({
      ":status": 204,
      "access-control-allow-origin": origin,
      vary: "Origin",
    });
    session.close();
  });

  test("that are not configured get no permission", async () => {
    await using server = await serve({ origins: [origin] });
    for (const stranger of ["https://evil.example", "null", `${origin}.evil.example`]) {
      const response = await fetch(server.url + path, {
        method: "OPTIONS",
        headers: { ...preflight, origin: stranger },
      });
      expect(response.headers.has("access-control-allow-origin")).toBe(false);
      expect(response.headers.get("vary")).toBe("Origin");
    }
  });

  test.each(["*", "https://*.example.com", "example.com", `${origin}/`, "null", ""])(
    "cannot be configured as %j",
    (wrong) => {
      expect(() => withCors(() => {}, [wrong])).toThrow("not an origin");
    },
  );
});
