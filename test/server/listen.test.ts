import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http2 from "node:http2";
import https from "node:https";
import tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { describe, expect, test } from "vitest";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { listen } from "../../src/server/listen.ts";
import { connectHttp2, connectRaw, gate, http2Request, serve } from "./serving.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const settingsFrame = "\0\0\0\x04\0\0\0\0\0";

describe("one port", () => {
  test("answers HTTP/1.1 and HTTP/2 in the clear, through every protocol", async () => {
    await using server = await serve();
    const baseUrl = server.url;
    const transports = [
      createConnectTransport({ baseUrl, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
      createGrpcTransport({ baseUrl }),
      createGrpcWebTransport({ baseUrl }),
    ];
    for (const transport of transports) {
      const { status } = await createClient(Health, transport).check({});
      expect(status).toBe(ServingStatus.SERVING);
    }
  });

  test("recognises HTTP/2 though its preface comes byte by byte", async () => {
    await using server = await serve();
    const client = await connectRaw(server.port);
    client.socket.setNoDelay(true);
    for (const byte of preface + settingsFrame) {
      await new Promise<void>((resolve) => client.socket.write(byte, "latin1", () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // The server's own SETTINGS frame: type 4, stream 0.
    await expect.poll(() => client.received().slice(3, 4)).toBe("\x04");
    client.socket.destroy();
  });

  test("answers a request that comes byte by byte", async () => {
    await using server = await serve();
    const client = await connectRaw(server.port);
    client.socket.setNoDelay(true);
    for (const byte of "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n") {
      await new Promise<void>((resolve) => client.socket.write(byte, () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(client.received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*ok\n$/);
    client.socket.destroy();
  });

  test("with a certificate speaks TLS, and ALPN chooses the protocol", async () => {
    const certificate = {
      cert: await readFile(new URL("localhost-cert.pem", import.meta.url), "utf8"),
      key: await readFile(new URL("localhost-key.pem", import.meta.url), "utf8"),
    };
    await using server = await serve({ tls: certificate });
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);

    const session = http2.connect(server.url, { ca: certificate.cert });
    const health = await http2Request(session, { ":path": "/healthz" });
    expect(health.headers[":status"]).toBe(200);
    session.close();

    const request = https.get(`${server.url}/healthz`, { ca: certificate.cert, agent: false });
    const [response] = await once(request, "response");
    expect(response.httpVersion).toBe("1.1");
    expect(response.statusCode).toBe(200);
    response.resume();

    const plain = await connectRaw(server.port);
    plain.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    await plain.closed;
    expect(plain.received()).not.toContain("200");

    const other = tls.connect(server.port, { ca: certificate.cert, ALPNProtocols: ["smtp"] });
    const [error] = await once(other, "error");
    expect(error.code).toBe("ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
    expect((await fetchHealth(certificate.cert, server.url)).status).toBe(200);
  });

  test("in use is an error that names it", async () => {
    await using server = await serve();
    const second = listen({
      handler: () => {},
      onError: () => {},
      host: "127.0.0.1",
      port: server.port,
      maxHeaderBytes: 16_384,
    });
    await expect(second).rejects.toMatchObject({ code: "EADDRINUSE", port: server.port });
  });
});

test("a certificate that is none is an error", async () => {
  await expect(serve({ tls: { cert: "none", key: "none" } })).rejects.toThrow("PEM");
});

describe("a client that misbehaves", () => {
  test("and says nothing is cut off", async () => {
    await using server = await serve({ timeouts: { first: 50 } });
    const silent = await connectRaw(server.port);
    const halfway = await connectRaw(server.port);
    halfway.socket.write(preface.slice(0, 10));
    await Promise.all([silent.closed, halfway.closed]);
    await expectAlive(server.url);
  });

  test("and never ends its headers or its body is told 408 and cut off", async () => {
    await using server = await serve({ timeouts: { headers: 100, request: 200 } });
    const headers = await connectRaw(server.port);
    headers.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n");
    const body = await connectRaw(server.port);
    body.socket.write(
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\n" +
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    );
    await Promise.all([headers.closed, body.closed]);
    expect(headers.received()).toContain("408");
    expect(body.received()).toContain("408");
    await expectAlive(server.url);
  });

  test("and sends garbage gets a 400 or is cut off", async () => {
    await using server = await serve();
    const garbage = await connectRaw(server.port);
    garbage.socket.write(
      Buffer.from("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03garbage\r\n\r\n", "latin1"),
    );
    await garbage.closed;
    expect(garbage.received()).toMatch(/^HTTP\/1\.1 400 /);

    const framing = await connectRaw(server.port);
    framing.socket.write(preface + settingsFrame + "\xff".repeat(100_000), "latin1");
    await framing.closed;
    await expectAlive(server.url);
  });

  test("and goes in the middle of a request harms nobody", async () => {
    await using server = await serve();
    for (const sent of [
      "G",
      "GET / HTTP/1.1\r\n",
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx",
      preface.slice(0, 5),
      preface,
      preface + settingsFrame,
    ]) {
      const reset = await connectRaw(server.port);
      reset.socket.write(sent, "latin1");
      reset.socket.resetAndDestroy();
      const halfClosed = await connectRaw(server.port);
      halfClosed.socket.end(sent, "latin1");
      await halfClosed.closed;
    }
    await expectAlive(server.url);
  });

  test("and closes its sending half early has its call ended, not leaked", async () => {
    const called = gate();
    const aborted = gate();
    await using server = await serve({
      routes: (router) =>
        router.service(AuditService, {
          async get(_request, { signal }) {
            signal.addEventListener("abort", aborted.open);
            called.open();
            await aborted.opened;
            return {};
          },
        }),
    });
    const client = await connectRaw(server.port);
    client.socket.write(
      "POST /audit.v1.AuditService/Get HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" +
        "Content-Length: 2\r\n\r\n{}",
    );
    await called.opened;
    client.socket.end();
    await aborted.opened;
    await client.closed;
  });

  test("and names an impossible host gets a 400", async () => {
    await using server = await serve();
    for (const request of [
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: :::\r\nConnection: close\r\n\r\n",
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
      "POST /grpc.health.v1.Health/Check HTTP/1.0\r\n\r\n",
    ]) {
      const client = await connectRaw(server.port);
      client.socket.write(request);
      await client.closed;
      expect(client.received()).toMatch(/^HTTP\/1\.1 400 /);
    }
    const session = await connectHttp2(server.url);
    const answer = await http2Request(session, {
      ":method": "POST",
      ":authority": ":::",
      ":path": "/grpc.health.v1.Health/Check",
    });
    expect(answer.headers[":status"]).toBe(400);
    session.close();
    expect(server.errors).toEqual([]);
  });

  test("over HTTP/2 and no longer answers pings is cut off", async () => {
    await using server = await serve({ timeouts: { ping: 50 } });
    const dead = await connectRaw(server.port);
    dead.socket.write(preface + settingsFrame, "latin1");
    const living = await connectHttp2(server.url);
    await dead.closed;
    expect((await http2Request(living, { ":path": "/healthz" })).body).toBe("ok\n");
    living.close();
  });
});

describe("headers", () => {
  const tooMany = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`x-h${i}`, "1"]));
  const tooLarge = { "x-large": "a".repeat(20 * 1024) };

  test.each([
    ["10,000 of them", tooMany],
    ["one of 20 KiB", tooLarge],
  ])("%s are refused over HTTP/1.1 with 431", async (_name, headers) => {
    await using server = await serve();
    const client = await connectRaw(server.port);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    client.socket.write(`GET /healthz HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`);
    await client.closed;
    expect(client.received()).toMatch(/^HTTP\/1\.1 431 /);
    await expectAlive(server.url);
  });

  test.each([
    ["10,000 of them", tooMany],
    ["one of 20 KiB", tooLarge],
  ])("%s are refused over HTTP/2", async (_name, headers) => {
    await using server = await serve();
    const session = http2.connect(server.url, { maxSendHeaderBlockLength: 1_000_000 });
    session.on("error", () => {});
    await once(session, "remoteSettings");
    const stream = session.request({ ":path": "/healthz", ...headers });
    await expect(once(stream, "response")).rejects.toThrow();
    session.destroy();
    await expectAlive(server.url);
  });

  test("of just under 16 KiB pass over both", async () => {
    await using server = await serve();
    const headers = { "x-large": "a".repeat(15 * 1024) };
    expect((await fetch(`${server.url}/healthz`, { headers })).status).toBe(200);
    const session = await connectHttp2(server.url);
    const answer = await http2Request(session, { ":path": "/healthz", ...headers });
    expect(answer.headers[":status"]).toBe(200);
    session.close();
  });
});

describe("closing", () => {
  test("waits for calls in flight, closes idle connections and takes no new ones", async () => {
    const release = gate();
    const called = [gate(), gate()];
    let calls = 0;
    const server = await serve({
      routes: (router) =>
        router.service(AuditService, {
          async get() {
            called[calls++]?.open();
            await release.opened;
            return {};
          },
        }),
    });
    const idleHttp1 = await connectRaw(server.port);
    idleHttp1.socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect.poll(idleHttp1.received).toContain("ok\n");
    const unused = await connectRaw(server.port);
    const idleHttp2 = await connectHttp2(server.url);

    const inFlight = [
      createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }),
      createGrpcTransport({ baseUrl: server.url }),
    ].map((transport) => createClient(AuditService, transport).get({}));
    await Promise.all(called.map((call) => call.opened));

    let closed = false;
    const closing = server.close(60_000).then(() => {
      closed = true;
    });
    await Promise.all([idleHttp1.closed, unused.closed, once(idleHttp2, "close")]);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    expect(closed).toBe(false);

    release.open();
    await Promise.all(inFlight);
    await closing;
    await server.close(0);
  });

  test("cuts off what is left after the grace", async () => {
    const called = gate();
    const aborted = gate();
    const server = await serve({
      routes: (router) =>
        router.service(AuditService, {
          async *stream(_request, { signal }) {
            signal.addEventListener("abort", aborted.open);
            yield {};
            called.open();
            await aborted.opened;
          },
        }),
    });
    const stream = createClient(AuditService, createGrpcTransport({ baseUrl: server.url })).stream(
      {},
    );
    const reading = (async () => {
      for await (const _ of stream);
    })();
    reading.catch(() => {});
    await called.opened;
    await server.close(50);
    await aborted.opened;
    await expect(reading).rejects.toThrow();
  });
});

async function expectAlive(url: string): Promise<void> {
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
}

async function fetchHealth(ca: string, url: string): Promise<{ status: number | undefined }> {
  const request = https.get(`${url}/healthz`, { ca, agent: false });
  const [response] = await once(request, "response");
  response.resume();
  return { status: response.statusCode };
}
