import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { JwtConfig } from "../config.ts";
import { AuditError } from "../errors.ts";
import { describeIdMistake, type PrefixRegistry, parseTeamId } from "../ids.ts";
import { entryLimits } from "../limits.ts";
import { grants } from "../store/keys.ts";
import type { Principal } from "./principal.ts";

const name = z
  .string()
  .min(1)
  .refine((text) => text.isWellFormed() && !text.includes("\0"))
  .refine((text) => Buffer.byteLength(text) <= entryLimits.textBytes);
const teamId = z.string().transform((text, context) => {
  const id = parseTeamId(text);
  if (id !== undefined) return id;
  context.addIssue("must be team-{uuid}");
  return z.NEVER;
});
const caller = { id: name, name: name.optional(), expiresAt: z.number() };

/** The claims by role, renamed to what a principal calls them. */
const principalSchema = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["member", "admin", "owner"]), teamId, ...caller }),
  z.object({ role: z.literal("platform_admin"), teamId: teamId.optional(), ...caller }),
  z.object({
    role: z.literal("service"),
    teamId: teamId.optional(),
    grants: z.array(z.enum(grants)).default([]),
    ...caller,
  }),
]);

const secretAlgorithms = ["HS256", "HS384", "HS512"];
const keyAlgorithms: Record<string, string[]> = {
  rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  "rsa-pss": ["PS256", "PS384", "PS512"],
  ec: ["ES256", "ES384", "ES512"],
  ed25519: ["EdDSA", "Ed25519"],
};

/** Checks a JWT and tells who holds it. */
export type JwtVerifier = (token: string) => Promise<Principal>;

/**
 * Makes a verifier. A token must have `exp`; its issuer, audience and algorithm must be the
 * configured ones.
 *
 * @throws Error at once if the configured key cannot be read. The verifier throws AuditError
 *   CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CREDENTIAL_UNVERIFIABLE.
 */
export function createJwtVerifier(config: JwtConfig, prefixes: PrefixRegistry): JwtVerifier {
  const { key, algorithms } = verificationKey(config);
  const options = {
    algorithms: [...(config.algorithms ?? algorithms)],
    clockTolerance: config.clockToleranceSeconds,
    requiredClaims: ["exp"],
    ...(config.issuer === undefined ? {} : { issuer: config.issuer }),
    ...(config.audience === undefined ? {} : { audience: config.audience }),
  };
  return async (token) => {
    const payload = await verify(() =>
      typeof key === "function" ? jwtVerify(token, key, options) : jwtVerify(token, key, options),
    );
    return principalFrom(payload, config, prefixes);
  };
}

function verificationKey(config: JwtConfig): {
  key: KeyObject | JWTVerifyGetKey;
  algorithms: readonly string[];
} {
  if (config.secret !== undefined) {
    return { key: createSecretKey(config.secret, "utf8"), algorithms: secretAlgorithms };
  }
  if (config.publicKey !== undefined) {
    const key = createPublicKey(config.publicKey);
    const algorithms = keyAlgorithms[key.asymmetricKeyType ?? ""];
    if (algorithms === undefined) {
      throw new Error(`AUTH_JWT_PUBLIC_KEY: a key of type ${key.asymmetricKeyType} signs no JWTs`);
    }
    return { key, algorithms };
  }
  if (config.jwksUrl !== undefined) {
    const key = createRemoteJWKSet(new URL(config.jwksUrl), { timeoutDuration: 5_000 });
    return { key, algorithms: Object.values(keyAlgorithms).flat() };
  }
  throw new Error("no key to check JWTs with is configured");
}

async function verify(attempt: () => Promise<{ payload: JWTPayload }>): Promise<JWTPayload> {
  try {
    return (await attempt()).payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw new AuditError("CREDENTIAL_EXPIRED", "the token has expired", { cause: error });
    }
    if (isFetchFailure(error)) {
      throw new AuditError("CREDENTIAL_UNVERIFIABLE", "the signing keys could not be fetched", {
        retryDelayMs: 1_000,
        cause: error,
      });
    }
    throw new AuditError("CREDENTIAL_INVALID", "the token is not valid here", { cause: error });
  }
}

/** Whether it was the keys that could not be had, rather than the token that is wrong. */
function isFetchFailure(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  if (error instanceof errors.JOSEError) return error.code === "ERR_JOSE_GENERIC";
  return error instanceof TypeError && error.message === "fetch failed";
}

function principalFrom(
  payload: JWTPayload,
  { claims, clockToleranceSeconds }: JwtConfig,
  prefixes: PrefixRegistry,
): Principal {
  const parsed = principalSchema.safeParse({
    id: payload[claims.subject],
    name: payload[claims.name],
    teamId: payload[claims.team],
    role: payload[claims.role],
    grants: payload[claims.grants],
    expiresAt: ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000,
  });
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
    throw new AuditError("CREDENTIAL_INVALID", `the token's claims are not valid: ${where}`);
  }
  const { data } = parsed;
  if (data.role !== "service") {
    const mistake = describeIdMistake(prefixes, "user", data.id);
    if (mistake) throw new AuditError("CREDENTIAL_INVALID", `the token's subject ${mistake}`);
  }
  const holder = {
    id: data.id,
    expiresAt: data.expiresAt,
    ...(data.name === undefined ? {} : { name: data.name }),
  };
  const team = data.teamId === undefined ? {} : { teamId: data.teamId };
  switch (data.role) {
    case "service":
      return { kind: "service", grants: data.grants, ...team, ...holder };
    case "platform_admin":
      return { kind: "platform_admin", ...team, ...holder };
    default:
      return { kind: "user", role: data.role, teamId: data.teamId, ...holder };
  }
}
