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

const usualScheme = "Bearer ";

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

/** Tells who is calling. */
export interface Authentication {
  /**
   * The gate that authenticates every call before its body is read, so that no handler can forget
   * it and no stranger can send megabytes: a JWT or an API key as bearer token, or an API key as
   * `X-API-Key`. Whoever is in the context values already stays.
   */
  gate(context: HandlerContext): Promise<void>;
  /**
   * Who calls with these headers (null: not sent), if their credential was verified before and is
   * still believed. Undefined for everybody else, whose call is the gate's to judge.
   */
  remembered(authorization: string | null, apiKey: string | null): Authenticated | undefined;
}

/** One kind of credential. */
interface Authenticator {
  authenticate(credential: string): Promise<Authenticated>;
  remembered(credential: string): Authenticated | undefined;
}

/** Makes the gate, and what remembers whom it has let in. */
export function authenticate(options: AuthenticateOptions): Authentication {
  const apiKeys = apiKeyAuthenticator(options);
  const jwts = jwtAuthenticator(options.verifyJwt);
  const kindOf = (credential: string) => (credential.startsWith(apiKeyPrefix) ? apiKeys : jwts);
  return {
    gate: async (context) => {
      if (options.publicServices.includes(context.service.typeName)) return;
      const { requestHeader, values } = context;
      // The fast lane has remembered the caller, who may be forgotten by now, and the database away.
      if (values.get(authenticatedKey) !== authenticatedKey.defaultValue) return;
      const credential = readCredential(
        requestHeader.get("authorization"),
        requestHeader.get("x-api-key"),
      );
      values.set(authenticatedKey, await kindOf(credential).authenticate(credential));
    },
    remembered: (authorization, apiKey) => {
      try {
        if (apiKey === null && authorization?.startsWith(usualScheme) === true) {
          // Whatever else is wrong with it, it was never verified.
          const token = authorization.slice(usualScheme.length);
          return kindOf(token).remembered(token);
        }
        const credential = readCredential(authorization, apiKey);
        return kindOf(credential).remembered(credential);
      } catch (error) {
        if (error instanceof AuditError) return undefined;
        throw error;
      }
    },
  };
}

function readCredential(bearer: string | null, apiKey: string | null): string {
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

function jwtAuthenticator(verify: JwtVerifier): Authenticator {
  const verified = new ExpiringCache<Authenticated>(cachedCredentials, jwtCacheMs);
  const remembered = (token: string) => {
    const known = verified.get(hash("sha256", token, "base64"));
    if (known !== undefined) requireNotExpired(known.principal);
    return known;
  };
  return {
    remembered,
    authenticate: async (token) => {
      const known = remembered(token);
      if (known !== undefined) return known;
      const principal = await verify(token);
      const authenticated = { principal, recheck: async () => requireNotExpired(principal) };
      verified.set(hash("sha256", token, "base64"), authenticated);
      requireNotExpired(principal);
      return authenticated;
    },
  };
}

function apiKeyAuthenticator({ db, logger, apiKeyCacheMs }: AuthenticateOptions): Authenticator {
  const known = new ExpiringCache<KnownKey>(cachedCredentials, apiKeyCacheMs);
  const unknown = new ExpiringCache<true>(cachedUnknown, apiKeyCacheMs);
  const touched = new ExpiringCache<true>(cachedCredentials, touchEveryMs);

  const find = async (digest: Buffer): Promise<KnownKey> => {
    const cacheKey = digest.toString("base64");
    let found = known.get(cacheKey);
    if (found === undefined && unknown.get(cacheKey) === undefined) {
      const key = await findKey(db, digest);
      if (key === undefined) unknown.set(cacheKey, true);
      else {
        const recheck = async () => requireUsable((await find(digest)).key);
        found = { key, authenticated: { principal: keyPrincipal(key), recheck } };
        known.set(cacheKey, found);
      }
    }
    if (found === undefined) throw new AuditError("CREDENTIAL_INVALID", "the API key is unknown");
    return found;
  };
  const use = ({ key, authenticated }: KnownKey): Authenticated => {
    requireUsable(key);
    if (touched.get(key.id) === undefined) {
      touched.set(key.id, true);
      touchKey(db, key.teamId, key.id).catch((error: unknown) => {
        logger.warn({ err: error }, "the last use of an API key was not noted");
      });
    }
    return authenticated;
  };

  return {
    remembered: (secret) => {
      const found = known.get(secretHash(secret).toString("base64"));
      return found && use(found);
    },
    authenticate: async (secret) => {
      if (!apiKeyPattern.test(secret)) {
        throw new AuditError("CREDENTIAL_INVALID", "the API key is malformed");
      }
      return use(await find(secretHash(secret)));
    },
  };
}

/** An API key that was found, and what it makes of a caller. */
interface KnownKey {
  readonly key: ApiKey;
  readonly authenticated: Authenticated;
}

function keyPrincipal(key: ApiKey): Principal {
  return {
    kind: "api_key",
    id: formatApiKeyId(key.id),
    name: key.name,
    teamId: key.teamId,
    grants: key.grants,
    ...(key.expireTime === undefined ? {} : { expiresAt: key.expireTime }),
  };
}

function requireUsable(key: ApiKey): void {
  if (key.revokeTime !== undefined) {
    throw new AuditError("CREDENTIAL_REVOKED", "the API key was revoked");
  }
  if (key.expireTime !== undefined && key.expireTime <= Date.now()) {
    throw new AuditError("CREDENTIAL_EXPIRED", "the API key has expired");
  }
}

function requireNotExpired(principal: Principal): void {
  if (principal.expiresAt !== undefined && principal.expiresAt <= Date.now()) {
    throw new AuditError("CREDENTIAL_EXPIRED", "the token has expired");
  }
}
