import { createClient } from "@connectrpc/connect";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessService, CallerType, TeamRole } from "../../gen/audit/v1/access_service_pb.ts";
import { EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { createCheckpoints } from "../support/checkpoints.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestServer, transports } from "../support/server.ts";

const secret = "a secret of at least 32 characters";
const cleanup = new AsyncDisposableStack();
let server: TestServer;

beforeAll(async () => {
  server = cleanup.use(await startTestServer({ secret }));
});
afterAll(() => cleanup.disposeAsync());

const access = (credential?: string, transport?: (typeof transports)[number]) =>
  createClient(AccessService, server.clients(credential, transport).transport);
const all = [EntryScope.TEAM, EntryScope.ADMIN];
const seconds = (time: { seconds: bigint } | undefined) => Number(time?.seconds);

test("a caller is told whether there is anything to verify", async () => {
  await using checkpoints = await createCheckpoints();
  await using signing = await startTestServer({ secret, env: checkpoints.env });
  for (const [each, signsCheckpoints] of [
    [server, false],
    [signing, true],
  ] as const) {
    const { transport } = each.clients(await each.jwt({ role: "member", teamId: newId("team") }));
    expect(await createClient(AccessService, transport).getCaller({})).toMatchObject({
      signsCheckpoints,
    });
  }
});

describe("a caller is told who it is and what it may do", () => {
  test.each(transports)("over %s", async (transport) => {
    const teamId = newId("team");
    const sub = newId("usr");
    const now = Math.floor(Date.now() / 1_000);
    const jwt = await server.jwt({ role: "owner", teamId, sub, name: "Ada", expiresIn: 600 });
    const { caller, permissions } = await access(jwt, transport).getCaller({});
    expect(caller).toMatchObject({
      type: CallerType.USER,
      id: sub,
      name: "Ada",
      teamId,
      role: TeamRole.OWNER,
      grants: [],
    });
    expect(seconds(caller?.expireTime) - now).toBeGreaterThanOrEqual(600);
    expect(seconds(caller?.expireTime) - now).toBeLessThan(660);
    expect(permissions).toMatchObject({
      readableScopes: all,
      readAllTeams: false,
      manageApiKeys: true,
      eraseDetails: true,
    });
  });

  test("as a member, who sees no more than the team's entries", async () => {
    const teamId = newId("team");
    const answer = await access(await server.jwt({ role: "member", teamId })).getCaller({ teamId });
    expect(answer).toMatchObject({
      caller: { role: TeamRole.MEMBER, name: "" },
      permissions: { readableScopes: [EntryScope.TEAM], manageApiKeys: false, eraseDetails: false },
    });
  });

  test("as a key, with its name, its grants and no end if it has none", async () => {
    const teamId = newId("team");
    const { keys } = server.clients(await server.jwt({ role: "admin", teamId }));
    const grants = [ApiKeyGrant.READ_ADMIN, ApiKeyGrant.RECORD_ANY_ACTOR];
    const lasting = await keys.createApiKey({ name: "deploy bot", grants });
    const { caller, permissions } = await access(lasting.secret).getCaller({});
    expect(caller).toMatchObject({
      type: CallerType.API_KEY,
      id: lasting.apiKey?.id,
      name: "deploy bot",
      teamId,
      role: TeamRole.UNSPECIFIED,
      grants,
    });
    expect(caller?.expireTime).toBeUndefined();
    expect(permissions).toMatchObject({ readableScopes: all, manageApiKeys: false });

    const expireTime = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 60), nanos: 0 };
    const ending = await keys.createApiKey({ name: "until tomorrow", expireTime });
    expect(await access(ending.secret).getCaller({})).toMatchObject({
      caller: { expireTime, grants: [] },
      permissions: { readableScopes: [] },
    });
  });

  test("as a credential of no team, of any team or of the one asked for", async () => {
    const teamId = newId("team");
    const admin = access(await server.jwt({ role: "platform_admin" }));
    for (const request of [{}, { teamId }]) {
      expect(await admin.getCaller(request)).toMatchObject({
        caller: { type: CallerType.PLATFORM_ADMIN, teamId: "", role: TeamRole.UNSPECIFIED },
        permissions: { readableScopes: all, readAllTeams: true, manageApiKeys: true },
      });
    }
    const service = access(await server.jwt({ role: "service", grants: ["read"] }));
    for (const request of [{}, { teamId }]) {
      expect(await service.getCaller(request)).toMatchObject({
        caller: { type: CallerType.SERVICE, id: "billing", teamId: "", grants: [ApiKeyGrant.READ] },
        permissions: { readableScopes: [EntryScope.TEAM], readAllTeams: false },
      });
    }
    const recorder = access(await server.jwt({ role: "service" }));
    expect((await recorder.getCaller({})).permissions?.readableScopes).toEqual([]);
  });

  test("also with a token whose end no calendar reaches", async () => {
    for (const exp of [1e15, 1e300]) {
      const token = await new SignJWT({ role: "platform_admin", exp })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(newId("usr"))
        .sign(Buffer.from(secret));
      for (const transport of ["node-connect-json", "node-grpc"] as const) {
        const { caller } = await access(token, transport).getCaller({});
        expect(caller?.type).toBe(CallerType.PLATFORM_ADMIN);
        expect(caller?.expireTime).toBeUndefined();
      }
    }
  });
});

test("a team that is none of the caller's is refused, whether or not there is one", async () => {
  const member = access(await server.jwt({ role: "member", teamId: newId("team") }));
  expect(await refusal(member.getCaller({ teamId: newId("team") }))).toMatchObject({
    code: "permission_denied",
    reason: "TEAM_NOT_ALLOWED",
  });
});

test("what is no team, or no credential, is refused", async () => {
  const admin = access(await server.jwt({ role: "platform_admin" }));
  for (const teamId of ["platform", `team-${"A".repeat(36)}`, "team-", "\u202e"]) {
    expect(await refusal(admin.getCaller({ teamId }))).toMatchObject({ code: "invalid_argument" });
  }
  expect(await refusal(access().getCaller({}))).toMatchObject({
    code: "unauthenticated",
    reason: "CREDENTIAL_MISSING",
  });
});
