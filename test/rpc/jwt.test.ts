import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { type JwtConfig, loadConfig } from "../../src/config.ts";
import { AuditError } from "../../src/errors.ts";
import { createPrefixRegistry } from "../../src/ids.ts";
import { createJwtVerifier } from "../../src/rpc/jwt.ts";

const secret = "a-secret-of-more-than-32-characters-for-tests";
const subject = "usr-11111111-1111-4111-8111-111111111111";
const teamId = "22222222-2222-4222-8222-222222222222";
const member = { team_id: `team-${teamId}`, role: "member", name: "Ada" };

/** The configuration that these variables make, as the server would read it. */
function jwtConfig(env: Record<string, string>): JwtConfig {
  const { jwt } = loadConfig(env);
  if (jwt === undefined) throw new Error("no JWT configuration");
  return jwt;
}

function verifier(env: Record<string, string>, prefixes = createPrefixRegistry()) {
  return createJwtVerifier(jwtConfig(env), prefixes);
}

interface Token {
  claims?: Record<string, unknown>;
  alg?: string;
  key?: KeyObject | Uint8Array;
  kid?: string;
  sub?: string;
  expires?: string | number | null;
}

function token({
  claims = member,
  alg = "HS256",
  key,
  kid,
  sub = subject,
  expires = "5m",
}: Token = {}) {
  const jwt = new SignJWT(claims)
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .setSubject(sub)
    .setIssuedAt();
  if (expires !== null) jwt.setExpirationTime(expires);
  return jwt.sign(key ?? Buffer.from(secret));
}

/** The reason with which a token is refused. */
async function refusal(verify: (token: string) => Promise<unknown>, jwt: string): Promise<string> {
  const error = await verify(jwt).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AuditError) return error.reason;
  throw new Error("not refused with an AuditError", { cause: error });
}

describe("a JWT signed with the shared secret", () => {
  const verify = verifier({ AUTH_JWT_SECRET: secret });

  test("tells who holds it", async () => {
    expect(await verify(await token())).toEqual({
      kind: "user",
      role: "member",
      id: subject,
      name: "Ada",
      teamId,
      expiresAt: expect.any(Number),
    });
    const service = { role: "service", grants: ["read"] };
    expect(await verify(await token({ claims: service, sub: "billing" }))).toMatchObject({
      kind: "service",
      id: "billing",
      grants: ["read"],
    });
  });

  test.each<[string, Token, string]>([
    ["another secret", { key: Buffer.alloc(32, 1) }, "CREDENTIAL_INVALID"],
    ["no expiry", { expires: null }, "CREDENTIAL_INVALID"],
    [
      "an expiry in the past",
      { expires: Math.floor(Date.now() / 1_000) - 60 },
      "CREDENTIAL_EXPIRED",
    ],
    ["a start in the future", { claims: { ...member, nbf: 4_000_000_000 } }, "CREDENTIAL_INVALID"],
    ["an unknown role", { claims: { ...member, role: "root" } }, "CREDENTIAL_INVALID"],
    ["no role", { claims: { team_id: member.team_id } }, "CREDENTIAL_INVALID"],
    ["a member's role and no team", { claims: { role: "member" } }, "CREDENTIAL_INVALID"],
    ["a team without prefix", { claims: { ...member, team_id: teamId } }, "CREDENTIAL_INVALID"],
    ["a subject without prefix", { sub: "ada" }, "CREDENTIAL_INVALID"],
    ["an empty subject", { sub: "" }, "CREDENTIAL_INVALID"],
    ["a name of 257 bytes", { claims: { ...member, name: "n".repeat(257) } }, "CREDENTIAL_INVALID"],
    ["unknown grants", { claims: { role: "service", grants: ["all"] } }, "CREDENTIAL_INVALID"],
  ])("is refused with %s", async (_, given, reason) => {
    expect(await refusal(verify, await token(given))).toBe(reason);
  });

  test("is refused unsigned, cut off, or as something else altogether", async () => {
    const unsigned = new UnsecuredJWT(member).setSubject(subject).setExpirationTime("5m").encode();
    const whole = await token();
    for (const jwt of [unsigned, whole.slice(0, -4), "a.b.c", "x", "annals", `${whole}.${whole}`]) {
      expect(await refusal(verify, jwt)).toBe("CREDENTIAL_INVALID");
    }
  });

  test("keeps to the allow-list of algorithms, the issuer and the audience", async () => {
    const strict = verifier({
      AUTH_JWT_SECRET: secret,
      AUTH_ALGORITHMS: "HS512",
      AUTH_ISSUER: "https://id.example.com",
      AUTH_AUDIENCE: "annals",
    });
    const right = { ...member, iss: "https://id.example.com", aud: "annals" };
    expect(await strict(await token({ claims: right, alg: "HS512" }))).toMatchObject({
      id: subject,
    });
    for (const wrong of [
      { claims: right, alg: "HS256" },
      { claims: { ...right, iss: "https://evil.example.com" }, alg: "HS512" },
      { claims: { ...right, aud: "billing" }, alg: "HS512" },
      { claims: member, alg: "HS512" },
    ]) {
      expect(await refusal(strict, await token(wrong))).toBe("CREDENTIAL_INVALID");
    }
  });

  test("reads its claims by the configured names, and opaque user ids if they are", async () => {
    const renamed = verifier(
      {
        AUTH_JWT_SECRET: secret,
        AUTH_CLAIM_SUBJECT: "uid",
        AUTH_CLAIM_NAME: "full_name",
        AUTH_CLAIM_TEAM: "org",
        AUTH_CLAIM_ROLE: "https://example.com/role",
      },
      createPrefixRegistry({ user: null }),
    );
    const claims = {
      uid: "auth0|42",
      full_name: "Grace",
      org: `team-${teamId}`,
      "https://example.com/role": "owner",
    };
    expect(await renamed(await token({ claims }))).toMatchObject({
      id: "auth0|42",
      name: "Grace",
      role: "owner",
      teamId,
    });
  });
});

describe("a JWT signed with a private key", () => {
  test.each([
    ["RS256", () => generateKeyPairSync("rsa", { modulusLength: 2048 })],
    ["ES256", () => generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["EdDSA", () => generateKeyPairSync("ed25519")],
  ] as const)("%s is accepted, and its public key is no secret to sign with", async (alg, make) => {
    const { publicKey, privateKey } = make();
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const verify = verifier({ AUTH_JWT_PUBLIC_KEY: pem.replaceAll("\n", "\\n") });
    expect(await verify(await token({ alg, key: privateKey }))).toMatchObject({ id: subject });
    const confused = await token({ alg: "HS256", key: Buffer.from(pem) });
    expect(await refusal(verify, confused)).toBe("CREDENTIAL_INVALID");
  });

  test("a public key that cannot be read stops the server at its start", () => {
    expect(() => verifier({ AUTH_JWT_PUBLIC_KEY: "not a key" })).toThrow();
  });
});

describe("a JWT whose keys are published", () => {
  test("is checked with the key it names; while they cannot be fetched, with none", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256", use: "sig" };
    const server = createServer((_, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ keys: [jwk] }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    try {
      const verify = verifier({ AUTH_JWKS_URL: url });
      const good = await token({ alg: "ES256", key: privateKey, kid: "one" });
      expect(await verify(good)).toMatchObject({ id: subject });
      const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
      for (const kid of ["one", "two"]) {
        const forged = await token({ alg: "ES256", key: stranger, kid });
        expect(await refusal(verify, forged)).toBe("CREDENTIAL_INVALID");
      }
      const byPublicKey = await token({
        alg: "HS256",
        key: Buffer.from(JSON.stringify(jwk)),
        kid: "one",
      });
      expect(await refusal(verify, byPublicKey)).toBe("CREDENTIAL_INVALID");
    } finally {
      server.close();
      server.closeAllConnections();
    }
    const late = verifier({ AUTH_JWKS_URL: url });
    const unchecked = await token({ alg: "ES256", key: privateKey, kid: "one" });
    expect(await refusal(late, unchecked)).toBe("CREDENTIAL_UNVERIFIABLE");
  });
});
