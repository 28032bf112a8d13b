import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { catalogue } from "../../examples/sandbox-platform/events.ts";
import { Platform } from "../../examples/sandbox-platform/platform.ts";
import { type Caller, createService } from "../../examples/sandbox-platform/service.ts";
import { auditMatchers } from "../../src/client/testing/vitest.ts";
import { createTestRecorder, type TestEntry } from "../../src/client/testing.ts";

expect.extend(auditMatchers);

const uuid = "0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";
const teamId = `team-${uuid}` as const;
const ada: Caller = { userId: `usr-${uuid}`, name: "Ada", teamId };
const bob = "usr-11111111-8d2e-4c3a-9f10-2b6f0e4d5a61";

/** Resource, action, scope, status, metadata; the last: who is the actor, if not the caller. */
const table = {
  "sandbox create": ["sandbox", "create", "team", "success", { template: "node-26" }],
  "sandbox pause": ["sandbox", "pause", "team", "success", undefined],
  "sandbox auto-pause": ["sandbox", "pause", "team", "info", undefined, "system"],
  "sandbox resume": ["sandbox", "resume", "team", "success", undefined],
  "sandbox destroy": ["sandbox", "destroy", "team", "warning", undefined],
  "snapshot create": ["snapshot", "create", "team", "success", undefined],
  "snapshot delete": ["snapshot", "delete", "team", "warning", undefined],
  "team rename": ["team", "rename", "team", "info", { old_name: "", new_name: "Engines" }],
  "api_key create": ["api_key", "create", "team", "success", { name: "ci" }],
  "api_key revoke": ["api_key", "revoke", "team", "warning", undefined],
  "member add": ["member", "add", "admin", "success", { email: "b@example.org", role: "member" }],
  "member remove": ["member", "remove", "admin", "warning", undefined],
  "member leave": ["member", "leave", "admin", "info", undefined],
  "member role update": ["member", "role_update", "admin", "info", { new_role: "admin" }],
  "host create": ["host", "create", "admin", "success", undefined],
  "host delete": ["host", "delete", "admin", "warning", undefined],
  "host marked down": ["host", "marked_down", "team", "error", undefined, "system"],
  "host marked up": ["host", "marked_up", "team", "success", undefined, "system"],
} as const;

const recorder = createTestRecorder();
const platform = new Platform(catalogue.recordTo(recorder));
const server = createService(platform, ({ headers }) =>
  headers.authorization === "Bearer ada" ? ada : undefined,
);

beforeEach(async () => {
  recorder.clear();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

/** Calls the service as Ada; answers the body. */
async function call(method: string, path: string, body?: unknown, token = "ada") {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "x-request-id": "r-1",
      ...(body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function made(path: string, body?: unknown): Promise<string> {
  const answer = await call("POST", path, body);
  expect(answer.status).toBe(200);
  return answer.body as string;
}

/** Has everything happen once. Answers what is recorded by the name that the table has for it. */
async function everything(): Promise<Record<string, TestEntry | undefined>> {
  const seen: Record<string, TestEntry | undefined> = {};
  const see = (...names: (keyof typeof table)[]) => {
    for (const [i, name] of names.entries()) seen[name] = recorder.entries.at(i - names.length);
  };
  const sandbox = (await made("/sandboxes", { template: "node-26" })) as `sb-${string}`;
  await call("POST", `/pauses/${sandbox}`);
  await call("DELETE", `/pauses/${sandbox}`);
  see("sandbox create", "sandbox pause", "sandbox resume");
  platform.pauseIdleSandbox(sandbox, teamId);
  await call("DELETE", `/sandboxes/${sandbox}`);
  see("sandbox auto-pause", "sandbox destroy");
  await call("POST", "/snapshots", { name: "nightly" });
  await call("DELETE", "/snapshots/nightly");
  await call("PUT", "/team", { name: "Engines" });
  see("snapshot create", "snapshot delete", "team rename");
  await call("DELETE", `/api-keys/${await made("/api-keys", { name: "ci" })}`);
  see("api_key create", "api_key revoke");
  await call("POST", "/members", { user: bob, email: "b@example.org", role: "member" });
  await call("PUT", `/members/${bob}`, { role: "admin" });
  await call("DELETE", `/members/${bob}`);
  await call("DELETE", `/members/${ada.userId}`);
  see("member add", "member role update", "member remove", "member leave");
  const host = (await made("/hosts")) as `host-${string}`;
  platform.hostAnswers(host, false, teamId);
  platform.hostAnswers(host, true, teamId);
  await call("DELETE", `/hosts/${host}`);
  see("host create", "host marked down", "host marked up", "host delete");
  return seen;
}

describe("the sandbox platform", () => {
  it("has the whole table in its catalogue", () => {
    expect(
      catalogue.events.map(({ resourceType, action, scope, status, actor }) => {
        return [resourceType, action, scope, status, actor === "system"];
      }),
    ).toEqual(
      Object.values(table).map(([type, action, scope, status, _, actor]) => {
        return [type, action, scope, status, actor === "system"];
      }),
    );
  });

  it("records each row of it, in the caller's team and context", async () => {
    const seen = await everything();
    expect(Object.keys(seen).sort()).toEqual(Object.keys(table).sort());
    for (const [name, [type, action, scope, status, metadata, actor]] of Object.entries(table)) {
      expect(seen[name], name).toMatchObject({
        teamId,
        resource: { type },
        action,
        scope,
        status,
        ...(metadata === undefined ? {} : { metadata }),
        actor:
          actor === "system"
            ? { type: "system", id: "system" }
            : { type: "user", id: ada.userId, name: "Ada" },
        ...(actor === "system" ? {} : { context: { requestId: "r-1", ipAddress: "127.0.0.1" } }),
      });
      if (metadata === undefined) expect(seen[name], name).not.toHaveProperty("metadata");
    }
    expect(seen["snapshot create"]?.resource?.id).toBe("nightly");
    expect(seen["member remove"]?.resource?.id).toBe(bob);
    expect(seen["member leave"]?.resource?.id).toBe(ada.userId);
    expect(recorder.entries).toHaveLength(18);
  });

  it("records what fails, and nothing of what it does not let in", async () => {
    expect(await call("POST", "/sandboxes", { template: "No!" })).toMatchObject({ status: 400 });
    expect(recorder).toHaveRecordedOnly({
      action: "create",
      status: "error",
      resource: { type: "sandbox", id: undefined },
      metadata: { template: "No!" },
    });
    recorder.clear();
    const sandbox = `/sandboxes/sb-${uuid}`;
    expect(await call("DELETE", sandbox)).toMatchObject({ status: 400 });
    expect(await call("DELETE", sandbox, undefined, "eve")).toMatchObject({ status: 401 });
    expect(await call("GET", "/")).toMatchObject({ status: 404 });
    expect(recorder).toHaveRecordedOnly();
  });
});
