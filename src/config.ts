import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ZodError } from "zod";
import { type CheckpointConfig, readCheckpointConfig } from "./checkpoint-config.ts";
import { type Environment, environment, list } from "./environment.ts";
import { createPrefixRegistry, type PrefixRegistry } from "./ids.ts";

/** Every mistake in the environment, each naming its variable. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`the configuration is wrong:\n${mistakes.map((mistake) => `  - ${mistake}`).join("\n")}`);
    this.name = "ConfigError";
    this.mistakes = mistakes;
  }
}

/** How JWTs are checked. Without any of the keys, JWTs are not accepted. */
export interface JwtConfig {
  readonly jwksUrl?: string;
  readonly publicKey?: string;
  readonly secret?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly algorithms?: readonly string[];
  readonly clockToleranceSeconds: number;
  readonly claims: {
    readonly subject: string;
    readonly name: string;
    readonly team: string;
    readonly role: string;
    readonly grants: string;
  };
}

/** What commands need that work on the database and the checkpoint store themselves. */
export interface StorageConfig {
  /** Nothing is made up that was not configured. */
  readonly production: boolean;
  /** Where to store: a PostgreSQL, or the embedded default in a directory. */
  readonly database: { readonly url: string } | { readonly dataDir: string };
  readonly checkpoints: CheckpointConfig;
}

/** The configuration, parsed and consistent. */
export interface Config extends StorageConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: NonNullable<Environment["LOG_LEVEL"]>;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly corsOrigins: readonly string[];
  /** Whether `/` serves the dashboard. */
  readonly dashboard: boolean;
  /** Whether Record and RecordBatch may take the fast lane, and messages of a Stream go past the library. */
  readonly fastLane: boolean;
  readonly prefixes: PrefixRegistry;
  /** Absent in the embedded default without configured credentials: a development secret is made. */
  readonly jwt?: JwtConfig;
  readonly jwtDefaults: Pick<JwtConfig, "clockToleranceSeconds" | "claims">;
  readonly streamsPerPrincipal: number;
  readonly streamMaxAgeMs: number;
  readonly hints: boolean;
  readonly oneTeamPerTransaction: boolean;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Parses the environment. An empty variable counts as absent.
 *
 * @throws ConfigError with every mistake.
 */
export function loadConfig(env: Variables): Config {
  const given = ownVariables(env);
  const parsed = environment.safeParse(given);
  const mistakes = issuesOf(parsed.error);
  const attempt = <T>(name: string, make: () => T): T | undefined => {
    try {
      return make();
    } catch (error) {
      mistakes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const raw = (name: keyof Environment) => given[name];
  const prefixes = attempt("ID_PREFIXES", () => parsePrefixes(raw("ID_PREFIXES") ?? ""));
  const tls = attempt("TLS_CERT_FILE and TLS_KEY_FILE", () =>
    readTls(raw("TLS_CERT_FILE"), raw("TLS_KEY_FILE")),
  );
  attempt("AUTH_JWT_PUBLIC_KEY", () => readPublicKey(raw("AUTH_JWT_PUBLIC_KEY")));
  const production = isProduction(given);
  const checkpoints = readCheckpointConfig(raw, production);
  const keys = jwtKeyNames.filter((name) => raw(name) !== undefined);
  mistakes.push(
    ...jwtMistakes(keys, list.parse(raw("AUTH_ALGORITHMS") ?? ""), production),
    ...originMistakes(list.parse(raw("CORS_ORIGINS") ?? "")),
    ...checkpoints.mistakes,
  );
  if (!parsed.success || prefixes === undefined || mistakes.length > 0) {
    throw new ConfigError(mistakes);
  }

  const e = parsed.data;
  const jwtDefaults = {
    clockToleranceSeconds: e.AUTH_CLOCK_TOLERANCE_SECONDS,
    claims: {
      subject: e.AUTH_CLAIM_SUBJECT,
      name: e.AUTH_CLAIM_NAME,
      team: e.AUTH_CLAIM_TEAM,
      role: e.AUTH_CLAIM_ROLE,
      grants: e.AUTH_CLAIM_GRANTS,
    },
  };
  return {
    ...storageConfig(production, e, checkpoints.read),
    host: e.HOST,
    port: e.PORT,
    logLevel: e.LOG_LEVEL ?? (production ? "info" : "warn"),
    ...(tls === undefined ? {} : { tls }),
    corsOrigins: e.CORS_ORIGINS,
    dashboard: e.DASHBOARD === "on",
    fastLane: e.FAST_LANE === "on",
    prefixes,
    ...(keys.length === 0 ? {} : { jwt: { ...jwtDefaults, ...jwtKeys(e) } }),
    jwtDefaults,
    streamsPerPrincipal: e.STREAMS_PER_PRINCIPAL,
    streamMaxAgeMs: e.STREAM_MAX_AGE_MS,
    hints: e.FEED_HINTS,
    oneTeamPerTransaction: e.ONE_TEAM_PER_TRANSACTION,
  };
}

const storageEnvironment = environment.pick({
  DATABASE_URL: true,
  DATA_DIR: true,
  CHECKPOINT_INTERVAL_SECONDS: true,
});

/**
 * The part of the configuration that is about what is stored where; no other variable is looked at.
 *
 * @throws ConfigError with every mistake.
 */
export function loadStorageConfig(env: Variables): StorageConfig {
  const given = ownVariables(env);
  const parsed = storageEnvironment.safeParse(given);
  const production = isProduction(given);
  const { read, mistakes } = readCheckpointConfig((name) => given[name], production);
  const all = [...issuesOf(parsed.error), ...mistakes];
  if (!parsed.success || all.length > 0) throw new ConfigError(all);
  return storageConfig(production, parsed.data, read);
}

function ownVariables(env: Variables): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in environment.shape && value !== ""),
  );
}

function issuesOf(error: ZodError | undefined): string[] {
  return (error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

function isProduction({ NODE_ENV, DATABASE_URL }: Variables): boolean {
  return NODE_ENV === "production" || DATABASE_URL !== undefined;
}

function storageConfig(
  production: boolean,
  e: Pick<Environment, keyof typeof storageEnvironment.shape>,
  checkpoints: Omit<CheckpointConfig, "intervalMs">,
): StorageConfig {
  return {
    production,
    database: e.DATABASE_URL === undefined ? { dataDir: e.DATA_DIR } : { url: e.DATABASE_URL },
    checkpoints: { ...checkpoints, intervalMs: e.CHECKPOINT_INTERVAL_SECONDS * 1_000 },
  };
}

const jwtKeyNames = ["AUTH_JWKS_URL", "AUTH_JWT_PUBLIC_KEY", "AUTH_JWT_SECRET"] as const;

function jwtMistakes(
  keys: readonly (typeof jwtKeyNames)[number][],
  algorithmNames: readonly string[],
  production: boolean,
): string[] {
  const [key, ...more] = keys;
  if (key === undefined) {
    return production ? [`${jwtKeyNames.join(" or ")}: a production server needs one of them`] : [];
  }
  if (more.length > 0) return [`${keys.join(", ")}: only one may be set`];
  const bySecret = key === "AUTH_JWT_SECRET";
  const unfit = algorithmNames.filter((name) => name.startsWith("HS") !== bySecret);
  return unfit.map((name) => `AUTH_ALGORITHMS: ${name} cannot be checked with ${key}`);
}

function originMistakes(origins: readonly string[]): string[] {
  return origins
    .filter((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin)
    .map((origin) => `CORS_ORIGINS: "${origin}" is not an origin such as https://app.example.com`);
}

function jwtKeys(e: Environment): Omit<JwtConfig, "clockToleranceSeconds" | "claims"> {
  return {
    ...(e.AUTH_JWKS_URL === undefined ? {} : { jwksUrl: e.AUTH_JWKS_URL }),
    ...(e.AUTH_JWT_PUBLIC_KEY === undefined ? {} : { publicKey: pemText(e.AUTH_JWT_PUBLIC_KEY) }),
    ...(e.AUTH_JWT_SECRET === undefined ? {} : { secret: e.AUTH_JWT_SECRET }),
    ...(e.AUTH_ISSUER === undefined ? {} : { issuer: e.AUTH_ISSUER }),
    ...(e.AUTH_AUDIENCE === undefined ? {} : { audience: e.AUTH_AUDIENCE }),
    ...(e.AUTH_ALGORITHMS === undefined ? {} : { algorithms: e.AUTH_ALGORITHMS }),
  };
}

function parsePrefixes(text: string): PrefixRegistry {
  const changes: Record<string, string | null> = {};
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const [type, prefix, ...rest] = item.split("=");
    if (type === undefined || prefix === undefined || rest.length > 0) {
      throw new Error(`"${item}" is not type=prefix or type=`);
    }
    changes[type] = prefix === "" ? null : prefix;
  }
  return createPrefixRegistry(changes);
}

/** Line ends may be written `\\n`, as in a variable of one line. */
function pemText(text: string): string {
  return text.replaceAll("\\n", "\n");
}

function readPublicKey(text: string | undefined): void {
  try {
    if (text !== undefined) createPublicKey(pemText(text));
  } catch (cause) {
    throw new Error("is not a PEM public key", { cause });
  }
}

function readTls(certFile?: string, keyFile?: string): Config["tls"] {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new Error("both or neither must be set");
  const pair = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
  createSecureContext(pair);
  return pair;
}
