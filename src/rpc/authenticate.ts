import { hash } from "node:crypto";
import type { HandlerContext } from "@connectrpc/connect";
import type { Logger } from "pino";
import { AuditError } from "../errors.ts";
import { formatApiKeyId } from "../ids.ts";
import { type ApiKey, findKey, touchKey } from "../store/keys.ts";
import type { Queryable } from "../store/pool.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import type { JwtVerifier } from "./jwt.ts";
import { type Authenticated, authenticatedKey, type Principal } from "./principal.ts";

/** What every API key's secret starts with. */
export const apiKeyPrefix = "annals_";

const touchEveryMs = 60_000;
const jwtCacheMs = 60_000;
const cachedCredentials = 10_000;
/** Apart from the known ones, so that guesses do not drive those out. */
const cachedUnknown = 1_000;
/** A prefix and 256 random bits as base64url. */
const apiKeyPattern = new RegExp(`^${apiKeyPrefix}[A-Za-z0-9_-]{43}$`);

/** What authentication needs of the world. */
export interface AuthenticateOptions {
  readonly db: Queryable;
  readonly verifyJwt: JwtVerifier;
  readonly logger: Logger;
  /** Full names of services that anyone may call (health, reflection). */
  readonly publicServices: readonly string[];
  /** How long an API key may be believed without asking the database again. */
  readonly apiKeyCacheMs: number;
}

/** The SHA-256 by which an API key's secret is found. */
export function secretHash(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}

/**
 * The gate that authenticates every call before its body is read, so that no handler can forget
 * it and no stranger can send megabytes: a JWT or an API key as bearer token, or an API key as
 * `X-API-Key`.
 */
export function authenticate(
  options: AuthenticateOptions,
): (context: HandlerContext) => Promise<void> {
  const apiKeys = apiKeyAuthenticator(options);
  const jwts = jwtAuthenticator(options.verifyJwt);
  return async (context) => {
    if (options.publicServices.includes(context.service.typeName)) return;
    const credential = readCredential(context.requestHeader);
    const authenticated = credential.startsWith(apiKeyPrefix)
      ? await apiKeys(credential)
      : await jwts(credential);
    context.values.set(authenticatedKey, authenticated);
  };
}

function readCredential(header: Headers): string {
  const bearer = header.get("authorization");
  const apiKey = header.get("x-api-key");
  if (bearer !== null && apiKey !== null) {
    throw new AuditError("CREDENTIAL_INVALID", "send one credential, not two");
  }
  if (apiKey !== null) {
    if (apiKey.startsWith(apiKeyPrefix)) return apiKey;
    throw new AuditError("CREDENTIAL_INVALID", "the API key is malformed");
  }
  if (bearer === null) throw new AuditError("CREDENTIAL_MISSING", "a credential is required");
  const token = /^bearer +(\S+)$/i.exec(bearer)?.[1];
  if (token === undefined) {
    throw new AuditError("CREDENTIAL_INVALID", "the Authorization header must be `Bearer <token>`");
  }
  return token;
}

function jwtAuthenticator(verify: JwtVerifier): (token: string) => Promise<Authenticated> {
  const verified = new ExpiringCache<Principal>(cachedCredentials, jwtCacheMs);
  return async (token) => {
    const key = hash("sha256", token, "base64");
    let principal = verified.get(key);
    if (principal === undefined) {
      principal = await verify(token);
      verified.set(key, principal);
    }
    requireNotExpired(principal);
    return { principal, recheck: async () => requireNotExpired(principal) };
  };
}

function apiKeyAuthenticator({
  db,
  logger,
  apiKeyCacheMs,
}: AuthenticateOptions): (secret: string) => Promise<Authenticated> {
  const known = new ExpiringCache<ApiKey>(cachedCredentials, apiKeyCacheMs);
  const unknown = new ExpiringCache<true>(cachedUnknown, apiKeyCacheMs);
  const touched = new ExpiringCache<true>(cachedCredentials, touchEveryMs);

  const find = async (secret: string): Promise<ApiKey> => {
    if (!apiKeyPattern.test(secret)) {
      throw new AuditError("CREDENTIAL_INVALID", "the API key is malformed");
    }
    const digest = secretHash(secret);
    const id = digest.toString("base64");
    let key = known.get(id);
    if (key === undefined && unknown.get(id) === undefined) {
      key = await findKey(db, digest);
      if (key === undefined) unknown.set(id, true);
      else known.set(id, key);
    }
    if (key === undefined) throw new AuditError("CREDENTIAL_INVALID", "the API key is unknown");
    if (key.revokeTime !== undefined) {
      throw new AuditError("CREDENTIAL_REVOKED", "the API key was revoked");
    }
    if (key.expireTime !== undefined && key.expireTime <= Date.now()) {
      throw new AuditError("CREDENTIAL_EXPIRED", "the API key has expired");
    }
    return key;
  };

  return async (secret) => {
    const key = await find(secret);
    if (touched.get(key.id) === undefined) {
      touched.set(key.id, true);
      touchKey(db, key.teamId, key.id).catch((error: unknown) => {
        logger.warn({ err: error }, "the last use of an API key was not noted");
      });
    }
    const principal: Principal = {
      kind: "api_key",
      id: formatApiKeyId(key.id),
      name: key.name,
      teamId: key.teamId,
      grants: key.grants,
      ...(key.expireTime === undefined ? {} : { expiresAt: key.expireTime }),
    };
    return {
      principal,
      recheck: async () => {
        await find(secret);
      },
    };
  };
}

function requireNotExpired(principal: Principal): void {
  if (principal.expiresAt !== undefined && principal.expiresAt <= Date.now()) {
    throw new AuditError("CREDENTIAL_EXPIRED", "the token has expired");
  }
}
