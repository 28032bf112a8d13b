import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { createHealth } from "../../src/server/health.ts";
import { serve } from "./serving.ts";

describe("gRPC health", () => {
  test("says whether the server and each service are ready", async () => {
    await using server = await serve();
    const client = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    const service = "audit.v1.AuditService";
    expect((await client.check({})).status).toBe(ServingStatus.SERVING);
    expect((await client.check({ service })).status).toBe(ServingStatus.SERVING);

    server.health.set("database", false, "cannot be reached");
    expect((await client.check({})).status).toBe(ServingStatus.NOT_SERVING);
    expect((await client.check({ service })).status).toBe(ServingStatus.NOT_SERVING);
    const { statuses } = await client.list({});
    expect(Object.keys(statuses).sort()).toEqual(["", service]);
    expect(statuses[service]?.status).toBe(ServingStatus.NOT_SERVING);
  });

  test("does not find a service that is not served", async () => {
    await using server = await serve();
    const client = createClient(
      Health,
      createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }),
    );
    await expect(client.check({ service: "no.Such" })).rejects.toMatchObject({
      code: Code.NotFound,
    });
  });

  test("can be watched, and the watch ends when its client leaves", async () => {
    await using server = await serve();
    const client = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    const leave = new AbortController();
    const statuses: ServingStatus[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({}, { signal: leave.signal })) {
        statuses.push(status);
      }
    })();
    const left = watching.catch((error: unknown) => ConnectError.from(error).code);

    await expect.poll(() => statuses).toEqual([ServingStatus.SERVING]);
    server.health.set("database", false);
    server.health.set("disk", false);
    await expect.poll(() => statuses.at(-1)).toBe(ServingStatus.NOT_SERVING);
    server.health.set("database", true);
    server.health.set("disk", true);
    await expect.poll(() => statuses.at(-1)).toBe(ServingStatus.SERVING);
    expect(statuses).toHaveLength(3);
    leave.abort();
    expect(await left).toBe(Code.Canceled);
  });

  test("keeps the watch of an unknown service open until its deadline", async () => {
    await using server = await serve();
    const client = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    const statuses: ServingStatus[] = [];
    const watching = (async () => {
      for await (const { status } of client.watch({ service: "no.Such" }, { timeoutMs: 300 })) {
        statuses.push(status);
      }
    })();
    await expect(watching).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(statuses).toEqual([ServingStatus.SERVICE_UNKNOWN]);
  });

  test("answers grpc-js, which knows nothing of Connect", async () => {
    await using server = await serve();
    const definition = protoLoader.loadSync(
      fileURLToPath(new URL("../../proto/grpc/health/v1/health.proto", import.meta.url)),
      { enums: String },
    );
    const Client = grpc.makeClientConstructor(
      definition["grpc.health.v1.Health"] as grpc.ServiceDefinition,
      "Health",
    );
    const client = new Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure());
    const answer = await new Promise((resolve, reject) => {
      client.Check?.({ service: "" }, (error: unknown, response: unknown) =>
        error ? reject(error) : resolve(response),
      );
    });
    expect(answer).toEqual({ status: "SERVING" });
    client.close();
  });
});

describe("readiness", () => {
  test("tells its listeners of changes only, until they unsubscribe", () => {
    const health = createHealth([]);
    const seen: boolean[] = [];
    const unsubscribe = health.onChange(() => seen.push(health.ready));
    health.set("database", true);
    health.set("database", false, "starting");
    health.set("schema", false);
    expect(health.reasons).toEqual(["database: starting", "schema: failing"]);
    health.set("schema", true);
    health.set("database", true);
    unsubscribe();
    health.set("database", false);
    expect(seen).toEqual([false, true]);
  });
});
