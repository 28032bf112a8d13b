import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createDataDir } from "../support/data-dir.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** An ErrorInfo with a reason, as it is on the wire. */
function base64(reason: string): string {
  const info = create(ErrorInfoSchema, { reason, domain: "audit.v1" });
  return Buffer.from(toBinary(ErrorInfoSchema, info)).toString("base64").replace(/=+$/, "");
}

describe.each(["PostgreSQL", "the embedded default"])("on %s", (storage) => {
  const cleanup = new AsyncDisposableStack();
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    const overrides = { heartbeatMs: 100 };
    if (storage === "PostgreSQL") server = cleanup.use(await startTestServer({ overrides }));
    else {
      const { path: dataDir } = cleanup.use(await createDataDir());
      server = cleanup.use(await startTestServer({ dataDir, overrides }));
    }
    token = await server.jwt({ role: "platform_admin", name: "Ada" });
  });
  afterAll(() => cleanup.disposeAsync());

  describe.each(["connect", "grpc", "grpcweb"])("buf curl over %s, by reflection", (protocol) => {
    const call = async (method: string, request: object): Promise<unknown[]> => {
      const { stdout } = await promisify(execFile)(
        `${root}/node_modules/.bin/buf`,
        [
          ...["curl", "--protocol", protocol, "--http2-prior-knowledge"],
          ...["--header", `Authorization: Bearer ${token}`, "--data", JSON.stringify(request)],
          `${server.url}/audit.v1.AuditService/${method}`,
        ],
        { cwd: "/", timeout: 20_000 },
      );
      return JSON.parse(`[${stdout.replaceAll(/^\}\s*^\{/gm, "},{")}]`);
    };

    test("records, gets, lists and streams", async () => {
      const teamId = newId("team");
      const entry = { teamId, action: "create", metadata: { n: 1 } };
      const [recorded] = await call("Record", { entry });
      expect(recorded).toMatchObject({
        entry: {
          teamId,
          sequence: "1",
          action: "create",
          scope: "ENTRY_SCOPE_TEAM",
          metadata: { n: 1 },
        },
      });
      expect(await call("Get", { teamId, sequence: "1" })).toMatchObject([
        { entry: { action: "create" } },
      ]);
      expect(await call("List", { teamId })).toMatchObject([{ entries: [{ sequence: "1" }] }]);
      expect(await call("Stream", { teamId, beginning: {}, stopAtHead: true })).toMatchObject([
        { entries: [{ sequence: "1" }] },
      ]);
    });

    test("prints an error with its reason", async () => {
      const failure = call("Get", { teamId: newId("team"), sequence: "1" });
      const { stderr } = await failure.then(
        () => expect.fail("it succeeded"),
        (error: { stderr: string }) => error,
      );
      expect(JSON.parse(stderr)).toMatchObject({
        code: "not_found",
        details: [{ type: "google.rpc.ErrorInfo", value: base64("ENTRY_NOT_FOUND") }],
      });
    });
  });

  describe("@grpc/grpc-js with the .proto files", () => {
    const definition = loadSync("audit/v1/audit_service.proto", {
      includeDirs: [`${root}/proto`],
      longs: String,
      enums: String,
    });
    type Call = (
      request: object,
      metadata: grpc.Metadata,
      callback: (error: grpc.ServiceError | null, response: unknown) => void,
    ) => void;
    type Stream = (request: object, metadata: grpc.Metadata) => grpc.ClientReadableStream<unknown>;
    let client: grpc.Client & { record: Call; list: Call; get: Call; stream: Stream };
    const metadata = new grpc.Metadata();

    beforeAll(() => {
      const AuditService = grpc.loadPackageDefinition(definition) as unknown as {
        audit: { v1: { AuditService: new (...args: unknown[]) => typeof client } };
      };
      client = new AuditService.audit.v1.AuditService(
        new URL(server.url).host,
        grpc.credentials.createInsecure(),
      );
      metadata.set("authorization", `Bearer ${token}`);
    });
    afterAll(() => client.close());

    const unary = (method: "record" | "list" | "get", request: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        client[method](request, metadata, (error, response) =>
          error === null ? resolve(response) : reject(error),
        );
      });

    test("records, lists and follows", async () => {
      const teamId = newId("team");
      const recorded = await unary("record", { entry: { teamId, action: "create" } });
      expect(recorded).toMatchObject({ entry: { sequence: "1", status: "ENTRY_STATUS_SUCCESS" } });
      expect(await unary("list", { teamId })).toMatchObject({ entries: [{ action: "create" }] });

      const stream = client.stream({ teamId, beginning: {} }, metadata);
      const messages: AsyncIterator<{ entries: unknown[] }> = stream[Symbol.asyncIterator]();
      expect((await messages.next()).value).toMatchObject({ entries: [{ sequence: "1" }] });
      await unary("record", { entry: { teamId, action: "destroy" } });
      let entries: unknown[] = [];
      while (entries.length === 0) ({ entries } = (await messages.next()).value);
      expect(entries).toMatchObject([{ sequence: "2", action: "destroy" }]);
      const closed = new Promise((resolve) => stream.once("error", resolve));
      stream.cancel();
      expect(await closed).toMatchObject({ code: grpc.status.CANCELLED });
    });

    test("an error has its status and google.rpc.Status details", async () => {
      const failure = await unary("get", { teamId: newId("team"), sequence: 1 }).then(
        () => expect.fail("it succeeded"),
        (error: grpc.ServiceError) => error,
      );
      expect(failure.code).toBe(grpc.status.NOT_FOUND);
      const [details] = failure.metadata.get("grpc-status-details-bin");
      expect(String(details)).toContain("ENTRY_NOT_FOUND");
    });
  });

  describe("plain HTTP", () => {
    const request = async (method: string, message: object, init: RequestInit = {}) => {
      const url = new URL(`${server.url}/audit.v1.AuditService/${method}`);
      const authorization = { authorization: `Bearer ${token}` };
      if (init.method !== "POST") {
        url.searchParams.set("connect", "v1");
        url.searchParams.set("encoding", "json");
        url.searchParams.set("message", JSON.stringify(message));
      }
      const response = await fetch(url, {
        ...init,
        headers: { ...authorization, ...init.headers },
      });
      return { status: response.status, body: await response.json() };
    };
    const post = { method: "POST", headers: { "content-type": "application/json" } };

    test("POST records; GET gets and lists, and does not record", async () => {
      const teamId = newId("team");
      const entry = { teamId, action: "create" };
      const body = JSON.stringify({ entry });
      const recorded = await request("Record", {}, { ...post, body });
      expect(recorded).toMatchObject({ status: 200, body: { entry: { sequence: "1" } } });
      expect(await request("Get", { teamId, sequence: "1" })).toMatchObject({
        status: 200,
        body: { entry: { action: "create" } },
      });
      expect(
        await request("List", { teamId, filter: { scopes: ["ENTRY_SCOPE_TEAM"] } }),
      ).toMatchObject({ status: 200, body: { entries: [{ action: "create" }] } });
      const refused = await fetch(
        `${server.url}/audit.v1.AuditService/Record?connect=v1&encoding=json&message=${encodeURIComponent(body)}`,
        { headers: { authorization: `Bearer ${token}` } },
      );
      expect(refused.status).toBe(405);
    });

    test("an error is JSON as the proto shows it", async () => {
      const answer = await request("Get", { teamId: newId("team"), sequence: "9" });
      expect(answer).toMatchObject({
        status: 404,
        body: {
          code: "not_found",
          details: [
            {
              type: "google.rpc.ErrorInfo",
              value: base64("ENTRY_NOT_FOUND"),
              debug: { reason: "ENTRY_NOT_FOUND", domain: "audit.v1" },
            },
          ],
        },
      });
    });

    test("an API key goes in X-API-Key, and two credentials are one too many", async () => {
      const { keys } = server.clients(token);
      const { secret } = await keys.createApiKey({ teamId: newId("team"), name: "bot" });
      const record = (headers: Record<string, string>) =>
        fetch(`${server.url}/audit.v1.AuditService/Record`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ entry: { action: "deploy" } }),
        });
      expect((await record({ "x-api-key": secret })).status).toBe(200);
      const both = await record({ "x-api-key": secret, authorization: `Bearer ${token}` });
      expect(both.status).toBe(401);
      expect(await both.json()).toMatchObject({ code: "unauthenticated" });
    });
  });
});
