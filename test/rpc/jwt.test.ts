import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const teamId = newId("team");
const member = { sub: newId("usr"), role: "member", team_id: teamId };
const secret = "a secret that the issuer and the server share";

type Key = Parameters<SignJWT["sign"]>[0];

function sign(payload: JWTPayload, key: Key, alg: string, kid?: string): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1_000) + 60, ...payload })
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .sign(key);
}

const list = (server: TestServer, token: string) => server.clients(token).audit.list({});
const invalid = { code: "unauthenticated", reason: "CREDENTIAL_INVALID" };

describe("with a shared secret", () => {
  let server: TestServer;
  const cleanup = new AsyncDisposableStack();
  const key = Buffer.from(secret);

  beforeAll(async () => {
    const env = { AUTH_ISSUER: "https://id.example", AUTH_AUDIENCE: "annals" };
    server = cleanup.use(await startTestServer({ secret, env }));
  });
  afterAll(() => cleanup.disposeAsync());

  const good = { ...member, iss: "https://id.example", aud: "annals" };

  test.each(["HS256", "HS384", "HS512"])("%s is taken", async (alg) => {
    expect((await list(server, await sign(good, key, alg))).entries).toEqual([]);
  });

  test.each<[string, JWTPayload]>([
    ["another issuer", { ...good, iss: "https://evil.example" }],
    ["no issuer", { ...member, aud: "annals" }],
    ["another audience", { ...good, aud: "other" }],
    ["no expiry", { ...good, exp: undefined } as unknown as JWTPayload],
    ["not valid yet", { ...good, nbf: Math.floor(Date.now() / 1_000) + 60 }],
    ["an unknown role", { ...good, role: "root" }],
    ["no role", { ...good, role: undefined }],
    ["a member without a team", { ...good, team_id: undefined }],
    ["a malformed team", { ...good, team_id: "team-1" }],
    ["a user without the prefix", { ...good, sub: "ada" }],
    ["a service without a subject", { ...good, role: "service", sub: "" }],
    ["grants that are none", { ...good, role: "service", grants: ["everything"] }],
    ["a name that is too long", { ...good, name: "x".repeat(257) }],
  ])("a token with %s is refused", async (_, payload) => {
    expect(await refusal(list(server, await sign(payload, key, "HS256")))).toMatchObject(invalid);
  });

  test("an unsigned, a changed and a foreign token are refused", async () => {
    const token = await sign(good, key, "HS256");
    const [, payload = "", signature = ""] = token.split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    const admin = Buffer.from(JSON.stringify({ ...good, role: "admin" })).toString("base64url");
    const { privateKey } = await generateKeyPair("RS256");
    for (const forged of [
      `${none}.${payload}.`,
      token.replace(payload, admin),
      token.replace(signature, signature.split("").reverse().join("")),
      await sign(good, Buffer.from("x".repeat(40)), "HS256"),
      await sign(good, privateKey, "RS256"),
      "x",
      "..",
    ]) {
      expect(await refusal(list(server, forged))).toMatchObject(invalid);
    }
  });
});

test.each([
  ["RS256", "RSA"],
  ["PS256", "RSA"],
  ["ES256", "P-256"],
  ["EdDSA", "Ed25519"],
])("with a public key, %s of that key is taken and nothing else", async (alg) => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const pem = await exportSPKI(publicKey);
  await using server = await startTestServer({
    env: { AUTH_JWT_SECRET: undefined, AUTH_JWT_PUBLIC_KEY: pem.replaceAll("\n", "\\n") },
  });
  await list(server, await sign(member, privateKey, alg));
  const other = await generateKeyPair(alg);
  expect(await refusal(list(server, await sign(member, other.privateKey, alg)))).toMatchObject(
    invalid,
  );
  // The public key is no secret: it must not do as one.
  expect(await refusal(list(server, await sign(member, Buffer.from(pem), "HS256")))).toMatchObject(
    invalid,
  );
});

describe("with published keys", () => {
  test("each is taken by its id, and an outage is not the caller's fault", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "ES256" };
    let up = false;
    const issuer = createServer((_, response) => {
      response.writeHead(up ? 200 : 503, { "content-type": "application/json" });
      response.end(up ? JSON.stringify({ keys: [jwk] }) : "{}");
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks.json`;
      await using server = await startTestServer({
        env: { AUTH_JWT_SECRET: undefined, AUTH_JWKS_URL: url },
      });
      const token = await sign(member, privateKey, "ES256", "key-1");
      expect(await refusal(list(server, token))).toMatchObject({
        code: "unavailable",
        reason: "CREDENTIAL_UNVERIFIABLE",
        retries: true,
      });
      up = true;
      await list(server, token);
      const stranger = await sign(member, privateKey, "ES256", "key-2");
      expect(await refusal(list(server, stranger))).toMatchObject(invalid);
    } finally {
      issuer.close();
    }
  });
});

test("claims can have other names", async () => {
  await using server = await startTestServer({
    secret,
    env: {
      AUTH_CLAIM_ROLE: "https://id.example/role",
      AUTH_CLAIM_TEAM: "org",
      AUTH_CLAIM_SUBJECT: "uid",
    },
  });
  const renamed = { uid: member.sub, org: teamId, "https://id.example/role": "admin" };
  const { audit } = server.clients(await sign(renamed, Buffer.from(secret), "HS256"));
  expect((await audit.record({ entry: { action: "create" } })).entry).toMatchObject({
    teamId,
    recorder: { type: "user", id: member.sub },
  });
});

test("a token within the clock tolerance is taken", async () => {
  await using server = await startTestServer({
    secret,
    env: { AUTH_CLOCK_TOLERANCE_SECONDS: "60" },
  });
  const exp = Math.floor(Date.now() / 1_000) - 5;
  await list(server, await sign({ ...member, exp }, Buffer.from(secret), "HS256"));
  const long = await sign({ ...member, exp: exp - 120 }, Buffer.from(secret), "HS256");
  expect(await refusal(list(server, long))).toMatchObject({ reason: "CREDENTIAL_EXPIRED" });
});
