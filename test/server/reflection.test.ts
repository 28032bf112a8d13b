import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { reflectionRoutes } from "../../src/server/reflection.ts";
import { serve } from "./serving.ts";

const services: DescService[] = [Health, AuditService];

function serveReflection() {
  return serve({
    routes: (router) => {
      router.service(AuditService, {});
      reflectionRoutes(services)(router);
    },
  });
}

/** `buf curl`, from a folder without any proto files. */
async function bufCurl(args: string[]): Promise<string> {
  const buf = new URL("../../node_modules/.bin/buf", import.meta.url).pathname;
  const run = promisify(execFile)(buf, ["curl", "--http2-prior-knowledge", ...args], { cwd: "/" });
  return run.then(
    ({ stdout }) => stdout,
    (error: { stderr: string }) => error.stderr,
  );
}

async function ask(url: string, requests: ServerReflectionRequest["messageRequest"][]) {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: url }));
  const answers = client.serverReflectionInfo(
    (async function* () {
      for (const messageRequest of requests) yield { host: "here", messageRequest };
    })(),
  );
  return Array.fromAsync(answers);
}

describe("buf curl without proto files", () => {
  test("lists the services and their methods", async () => {
    await using server = await serveReflection();
    const names = await bufCurl(["--list-services", server.url]);
    expect(names.trim().split("\n").sort()).toEqual([
      "audit.v1.AuditService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ]);
    expect(await bufCurl(["--list-methods", server.url])).toContain("audit.v1.AuditService/Stream");
  });

  test.each(["connect", "grpc", "grpcweb"])("calls through %s", async (protocol) => {
    await using server = await serveReflection();
    const check = `${server.url}/grpc.health.v1.Health/Check`;
    expect(JSON.parse(await bufCurl(["--protocol", protocol, "-d", "{}", check]))).toEqual({
      status: "SERVING",
    });
    // Reaches the service only if the entry with its struct, timestamps and enums is understood.
    const entry = {
      action: "create",
      scope: "ENTRY_SCOPE_TEAM",
      metadata: { a: [1, "b", null] },
      occurTime: "2025-01-02T03:04:05.678Z",
    };
    const record = `${server.url}/audit.v1.AuditService/Record`;
    const answer = await bufCurl(["--protocol", protocol, "-d", JSON.stringify({ entry }), record]);
    expect(JSON.parse(answer)).toMatchObject({ code: "unimplemented" });
  });
});

describe("reflection", () => {
  test("sends a file with all that it imports, by file name and by symbol", async () => {
    await using server = await serveReflection();
    const answers = await ask(server.url, [
      { case: "fileByFilename", value: "audit/v1/audit_service.proto" },
      { case: "fileContainingSymbol", value: "audit.v1.AuditService" },
      { case: "fileContainingSymbol", value: "audit.v1.AuditService.List" },
      { case: "fileContainingSymbol", value: "audit.v1.AuditEntry" },
      { case: "fileContainingSymbol", value: "audit.v1.AuditEntry.action" },
      { case: "fileContainingSymbol", value: "audit.v1.EntryScope" },
      { case: "fileContainingSymbol", value: "audit.v1.ENTRY_SCOPE_TEAM" },
      { case: "fileContainingSymbol", value: "grpc.health.v1.HealthCheckResponse.ServingStatus" },
      { case: "fileContainingSymbol", value: "google.protobuf.Timestamp" },
    ]);
    const files = answers.map(({ messageResponse }) =>
      messageResponse.case === "fileDescriptorResponse"
        ? messageResponse.value.fileDescriptorProto.map((bytes) =>
            fromBinary(FileDescriptorProtoSchema, bytes),
          )
        : [],
    );
    expect(files.map(([file]) => file?.name)).toEqual([
      "audit/v1/audit_service.proto",
      "audit/v1/audit_service.proto",
      "audit/v1/audit_service.proto",
      "audit/v1/entry.proto",
      "audit/v1/entry.proto",
      "audit/v1/entry.proto",
      "audit/v1/entry.proto",
      "grpc/health/v1/health.proto",
      "google/protobuf/timestamp.proto",
    ]);
    for (const sent of files) {
      const names = sent.map((file) => file.name);
      expect(new Set(names).size).toBe(names.length);
      for (const file of sent) expect(names).toEqual(expect.arrayContaining(file.dependency));
    }
    expect(answers[0]?.validHost).toBe("here");
    expect(answers[0]?.originalRequest?.messageRequest.case).toBe("fileByFilename");
  });

  test("answers what it does not know with NOT_FOUND, and goes on", async () => {
    await using server = await serveReflection();
    const answers = await ask(server.url, [
      { case: "fileByFilename", value: "no/such.proto" },
      { case: "fileContainingSymbol", value: "no.Such" },
      {
        case: "fileContainingExtension",
        value: {
          $typeName: "grpc.reflection.v1.ExtensionRequest",
          containingType: "audit.v1.AuditEntry",
          extensionNumber: 1,
        },
      },
      { case: "allExtensionNumbersOfType", value: "no.Such" },
      { case: undefined },
      { case: "allExtensionNumbersOfType", value: "audit.v1.AuditEntry" },
    ]);
    const codes = answers.map(({ messageResponse }) =>
      messageResponse.case === "errorResponse" ? messageResponse.value.errorCode : undefined,
    );
    expect(codes).toEqual([
      Code.NotFound,
      Code.NotFound,
      Code.NotFound,
      Code.NotFound,
      Code.InvalidArgument,
      undefined,
    ]);
    expect(answers.at(-1)?.messageResponse).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "audit.v1.AuditEntry", extensionNumber: [] },
    });
  });
});
