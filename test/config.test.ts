import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect, parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { type Config, ConfigError, loadConfig, loadStorageConfig } from "../src/config.ts";
import { environment } from "../src/environment.ts";
import { formatSigningKey, makeSigningKey } from "../src/log/signing-key.ts";

const secret = "0123456789abcdef0123456789abcdef";
const pem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
const certFile = fileURLToPath(new URL("server/localhost-cert.pem", import.meta.url));
const keyFile = fileURLToPath(new URL("server/localhost-key.pem", import.meta.url));
const signingKey = makeSigningKey("audit.example.com");
const signingText = formatSigningKey(signingKey);

/** The mistakes that the environment is refused for; none if it is accepted. */
function mistakes(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

describe("an empty environment", () => {
  test("is the embedded default of a developer", () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      production: false,
      host: "127.0.0.1",
      port: 8080,
      logLevel: "warn",
      database: { dataDir: "./data" },
      corsOrigins: [],
      dashboard: true,
      streamsPerPrincipal: 100,
      streamMaxAgeMs: 3_600_000,
      hints: true,
      oneTeamPerTransaction: false,
      checkpoints: { intervalMs: 60_000 },
    } satisfies Partial<Config>);
    expect(config.jwt).toBeUndefined();
    expect(config.tls).toBeUndefined();
  });

  test("is what empty variables amount to", () => {
    const empty = Object.keys(environment.shape).map((name) => [name, ""]);
    expect(loadConfig(Object.fromEntries(empty))).toEqual(loadConfig({}));
  });

  test("may hold variables of other programs", () => {
    expect(loadConfig({ PATH: "/bin", AUTH_TYPO: "x", toString: "x" })).toEqual(loadConfig({}));
  });
});

test("every mistake is reported, at once and by name", () => {
  const env = {
    PORT: "eighty",
    DATABASE_URL: "mysql://db/annals",
    LOG_LEVEL: "loud",
    TLS_CERT_FILE: certFile,
    CORS_ORIGINS: "https://ok.example.com, https://app.example.com/page, *",
    DASHBOARD: "yes",
    ID_PREFIXES: "team=t",
    AUTH_JWKS_URL: "ftp://keys",
    AUTH_JWT_SECRET: "short",
    AUTH_ALGORITHMS: "none",
    AUTH_CLOCK_TOLERANCE_SECONDS: "-1",
    STREAMS_PER_PRINCIPAL: "0",
    STREAM_MAX_AGE_MS: "1.5",
    FAST_LANE: "yes",
    FEED_HINTS: "yes",
    ONE_TEAM_PER_TRANSACTION: "1",
    CHECKPOINT_KEY: "PRIVATE+KEY",
    CHECKPOINT_ORIGIN: "two words",
    CHECKPOINT_STORE: "",
    CHECKPOINT_INTERVAL_SECONDS: "1m",
  };
  const found = mistakes(env);
  for (const name of Object.keys(env)) expect(found.join("\n")).toContain(name);
  expect(found).toContainEqual(expect.stringContaining("https://app.example.com/page"));
  expect(found).toContainEqual(expect.stringContaining('"*"'));
  expect(() => loadConfig(env)).toThrow(/^the configuration is wrong:\n {2}- /);
});

test("a mistake does not repeat the value of a secret", () => {
  const env = {
    AUTH_JWT_SECRET: "hunter2",
    DATABASE_URL: "postgres://annals:hunter2@[",
    CHECKPOINT_KEY: "PRIVATE+KEY+audit.example.com+00000000+hunter2",
    CHECKPOINT_STORE: "/var/lib/annals",
  };
  expect(mistakes(env)).toHaveLength(3);
  expect(mistakes(env).join()).not.toContain("hunter2");
});

describe("production", () => {
  const needed = expect.stringContaining("a production server needs one of them");

  test.each(["application_name=x", "options=-c%20synchronous_commit%3Doff", "lock_timeout=0"])(
    "a DATABASE_URL that sets what Annals sets itself (%s) is refused by name",
    (parameter) => {
      const [name] = parameter.split("=");
      const env = {
        AUTH_JWT_SECRET: "s".repeat(32),
        DATABASE_URL: `postgres://localhost/annals?sslmode=disable&${parameter}`,
      };
      expect(() => loadConfig(env)).toThrow(`DATABASE_URL: ${name} must not be set`);
    },
  );

  test.each([{ NODE_ENV: "production" }, { DATABASE_URL: "postgres://localhost/annals" }])(
    "without credentials is refused: %o",
    (env) => {
      expect(mistakes(env as Record<string, string>)).toEqual([needed]);
    },
  );

  test("with credentials is accepted, and logs at info", () => {
    const config = loadConfig({
      DATABASE_URL: "postgres://localhost/annals",
      AUTH_JWT_SECRET: secret,
    });
    expect(config).toMatchObject({
      production: true,
      logLevel: "info",
      database: { url: "postgres://localhost/annals" },
    });
  });
});

describe("the key of JWTs", () => {
  test.each([
    ["AUTH_JWKS_URL", "https://id.example.com/jwks.json", "jwksUrl"],
    ["AUTH_JWT_PUBLIC_KEY", String(pem), "publicKey"],
    ["AUTH_JWT_SECRET", secret, "secret"],
  ])("%s", (name, value, property) => {
    expect(loadConfig({ [name]: value }).jwt).toMatchObject({ [property]: value });
  });

  test("may be a PEM in one line", () => {
    const line = String(pem).replaceAll("\n", "\\n");
    expect(loadConfig({ AUTH_JWT_PUBLIC_KEY: line }).jwt?.publicKey).toBe(pem);
  });

  test("is not repeated when it stands where its file should", () => {
    const found = mistakes({ CHECKPOINT_KEY_FILE: signingText });
    expect(found).toEqual(["CHECKPOINT_KEY_FILE: the file cannot be read (ENOENT)"]);
  });

  test("is one only", () => {
    expect(mistakes({ AUTH_JWT_SECRET: secret, AUTH_JWT_PUBLIC_KEY: String(pem) })).toEqual([
      "AUTH_JWT_PUBLIC_KEY, AUTH_JWT_SECRET: only one may be set",
    ]);
  });

  test("must be readable", () => {
    expect(mistakes({ AUTH_JWT_PUBLIC_KEY: "-----BEGIN PUBLIC KEY-----" })).toEqual([
      "AUTH_JWT_PUBLIC_KEY: is not a PEM public key",
    ]);
  });

  test.each([
    ["HS256", { AUTH_JWT_PUBLIC_KEY: String(pem) }, "AUTH_JWT_PUBLIC_KEY"],
    ["HS512", { AUTH_JWKS_URL: "https://id.example.com/jwks.json" }, "AUTH_JWKS_URL"],
    ["RS256", { AUTH_JWT_SECRET: secret }, "AUTH_JWT_SECRET"],
  ])("fits the algorithms: not %s", (algorithm, key, name) => {
    expect(mistakes({ ...key, AUTH_ALGORITHMS: algorithm } as Record<string, string>)).toEqual([
      `AUTH_ALGORITHMS: ${algorithm} cannot be checked with ${name}`,
    ]);
  });

  test("comes with what else a token must have", () => {
    const config = loadConfig({
      AUTH_JWT_SECRET: secret,
      AUTH_ISSUER: "https://id.example.com",
      AUTH_AUDIENCE: "annals",
      AUTH_ALGORITHMS: "HS256, HS512",
      AUTH_CLOCK_TOLERANCE_SECONDS: "0",
      AUTH_CLAIM_SUBJECT: "uid",
      AUTH_CLAIM_NAME: "display",
      AUTH_CLAIM_TEAM: "org",
      AUTH_CLAIM_ROLE: "https://example.com/role",
      AUTH_CLAIM_GRANTS: "scope",
    });
    expect(config.jwt).toEqual({
      secret,
      issuer: "https://id.example.com",
      audience: "annals",
      algorithms: ["HS256", "HS512"],
      clockToleranceSeconds: 0,
      claims: {
        subject: "uid",
        name: "display",
        team: "org",
        role: "https://example.com/role",
        grants: "scope",
      },
    });
  });
});

describe("edge values", () => {
  const whole = [" ", "", "+1", "0x10", "1e3", "1.0", "٣", "99999999999"];
  const table: Record<string, { good: readonly string[]; bad: readonly string[] }> = {
    HOST: { good: ["::", "0.0.0.0", "localhost"], bad: [] },
    PORT: { good: ["0", "1", "65535"], bad: ["-1", "65536", ...whole] },
    DATABASE_URL: {
      good: ["postgres://u:p@h:5432/d?sslmode=require", "postgresql:///d?host=/run/postgresql"],
      bad: ["h:5432/d", "https://h/d", "postgres", "host=h dbname=d"],
    },
    DATA_DIR: { good: ["/var/lib/annals", "."], bad: [] },
    LOG_LEVEL: { good: ["trace", "silent"], bad: ["INFO", "verbose"] },
    CORS_ORIGINS: {
      good: ["https://a.example.com", "http://localhost:5173,https://b.example.com,", ","],
      bad: ["*", "null", "a.example.com", "https://a.example.com/", "https://A.example.com"],
    },
    DASHBOARD: { good: ["on", "off"], bad: ["On", "true", "false", "0"] },
    ID_PREFIXES: {
      good: ["project=prj", "user=", " project=prj , user= ,", "sandbox=box"],
      bad: ["project", "a=b=c", "Project=prj", "project=Prj", "log=", "project=usr", "=x"],
    },
    AUTH_JWKS_URL: {
      good: ["http://id/keys", "https://id/keys"],
      bad: ["file:///keys", "id/keys"],
    },
    AUTH_JWT_SECRET: { good: [secret], bad: [secret.slice(1)] },
    AUTH_ALGORITHMS: { good: ["HS256", "HS384,HS512"], bad: [",", "none", "hs256", "HS256;HS512"] },
    AUTH_CLOCK_TOLERANCE_SECONDS: { good: ["0", "600"], bad: ["601", "-1", ...whole] },
    STREAMS_PER_PRINCIPAL: { good: ["1", "100000"], bad: ["0", "100001", ...whole] },
    STREAM_MAX_AGE_MS: { good: ["1", "2147483647"], bad: ["0", "2147483648", ...whole] },
    FAST_LANE: { good: ["on", "off"], bad: ["On", "true", "0"] },
    FEED_HINTS: { good: ["true", "false"], bad: ["TRUE", "1", "no"] },
    ONE_TEAM_PER_TRANSACTION: { good: ["true", "false"], bad: ["on", "0"] },
    CHECKPOINT_KEY: {
      good: [signingText, ` ${signingText}\n`],
      bad: ["hunter2", signingText.slice(0, -1), signingText.replace("audit", "other")],
    },
    CHECKPOINT_KEY_FILE: { good: [], bad: ["/nowhere", "/", certFile] },
    CHECKPOINT_ORIGIN: {
      good: ["audit.example.com", "localhost/annals", "audit.example.com/eu"],
      bad: ["two words", "a+b", " ", "a\u00a0b"],
    },
    CHECKPOINT_STORE: { good: ["./checkpoints", "/mnt/checkpoints"], bad: [] },
    CHECKPOINT_INTERVAL_SECONDS: { good: ["0", "86400"], bad: ["-1", "86401", ...whole] },
  };
  const credentials = { AUTH_JWT_SECRET: secret };

  for (const [name, { good, bad }] of Object.entries(table)) {
    const base: Record<string, string> = name === "AUTH_JWKS_URL" ? {} : credentials;
    test.each(good)(`${name}=%s is accepted`, (value) => {
      expect(mistakes({ ...base, [name]: value })).toEqual([]);
    });
    // An empty variable counts as absent.
    test.each(bad.filter((value) => value !== ""))(`${name}=%s is refused`, (value) => {
      const found = mistakes({ ...base, [name]: value });
      expect(found.length).toBeGreaterThan(0);
      for (const mistake of found) expect(mistake).toMatch(new RegExp(`^${name}[.:]`));
    });
  }

  test("ID_PREFIXES changes the registry", () => {
    const { prefixes } = loadConfig({ ID_PREFIXES: "project=prj,user=" });
    expect(prefixes.get("project")).toBe("prj");
    expect(prefixes.has("user")).toBe(false);
    expect(prefixes.get("team")).toBe("team");
  });

  test("lists are trimmed", () => {
    const { corsOrigins } = loadConfig({ CORS_ORIGINS: " https://a.example , https://b.example," });
    expect(corsOrigins).toEqual(["https://a.example", "https://b.example"]);
  });
});

describe("the key of checkpoints", () => {
  const production = { DATABASE_URL: "postgres://localhost/annals", AUTH_JWT_SECRET: secret };
  const store = { CHECKPOINT_STORE: "/mnt/checkpoints" };

  test("is read from the environment or a file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "annals-"));
    const file = join(directory, "key");
    await writeFile(file, `${signingText}\n`);
    for (const env of [{ CHECKPOINT_KEY: signingText }, { CHECKPOINT_KEY_FILE: file }]) {
      const { key } = loadConfig(env).checkpoints;
      expect(key && formatSigningKey(key)).toBe(signingText);
    }
    await rm(directory, { recursive: true });
  });

  test("is not in what is printed of the configuration", () => {
    const config = loadConfig({ CHECKPOINT_KEY: signingText });
    const seed = signingText.split("+").slice(4).join("+"); // Base64 can have a plus.
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain(seed);
  });

  test("is one only", () => {
    const env = { CHECKPOINT_KEY: signingText, CHECKPOINT_KEY_FILE: "/run/secrets/key" };
    expect(mistakes(env)).toEqual(["CHECKPOINT_KEY, CHECKPOINT_KEY_FILE: only one may be set"]);
  });

  test("has the name that is configured", () => {
    const env = { CHECKPOINT_KEY: signingText };
    expect(mistakes({ ...env, CHECKPOINT_ORIGIN: "audit.example.com" })).toEqual([]);
    expect(mistakes({ ...env, CHECKPOINT_ORIGIN: "other.example.com" })).toEqual([
      "CHECKPOINT_ORIGIN: the key is named audit.example.com",
    ]);
  });

  test.each(["=1", "a\u202eb", "ä.example.com"])("is not named %j", (name) => {
    const rule = expect.stringContaining("must be printable ASCII");
    expect(mistakes({ CHECKPOINT_ORIGIN: name })).toEqual([rule]);
    const key = formatSigningKey(makeSigningKey(name));
    expect(mistakes({ CHECKPOINT_KEY: key })).toEqual([rule]);
  });

  test("signs nothing in production without a store, and a store is of no use without it", () => {
    const key = { CHECKPOINT_KEY: signingText };
    expect(mistakes({ ...production, ...key, ...store })).toEqual([]);
    expect(mistakes(production)).toEqual([]);
    const [noStore, ...more] = mistakes({ ...production, ...key });
    expect(noStore).toMatch(/^CHECKPOINT_STORE: is required/);
    expect(more).toEqual([]);
    expect(mistakes({ NODE_ENV: "production", AUTH_JWT_SECRET: secret, ...key })).toEqual([
      noStore,
    ]);
    expect(mistakes({ ...production, ...store })).toEqual([
      "CHECKPOINT_STORE: is of no use without CHECKPOINT_KEY or CHECKPOINT_KEY_FILE",
    ]);
    expect(mistakes(key)).toEqual([]);
  });

  test("and the database are all that commands on the storage look at", () => {
    const env = {
      DATABASE_URL: production.DATABASE_URL,
      ...store,
      CHECKPOINT_KEY: signingText,
      PORT: "eighty",
    };
    expect(loadStorageConfig(env)).toMatchObject({
      production: true,
      database: { url: production.DATABASE_URL },
      checkpoints: { store: store.CHECKPOINT_STORE, intervalMs: 60_000 },
    });
    const wrong = { ...env, DATABASE_URL: "mysql://db", CHECKPOINT_KEY: "hunter2" };
    const refused = () => loadStorageConfig(wrong);
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(/DATABASE_URL: .*\n.*CHECKPOINT_KEY: /);
  });
});

describe("TLS", () => {
  test("is a certificate and its key", () => {
    const { tls } = loadConfig({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
    expect(tls?.cert).toContain("BEGIN CERTIFICATE");
    expect(tls?.key).toContain("PRIVATE KEY");
  });

  test.each([
    ["a certificate alone", { TLS_CERT_FILE: certFile }],
    ["a key alone", { TLS_KEY_FILE: keyFile }],
    ["a file that is not there", { TLS_CERT_FILE: certFile, TLS_KEY_FILE: "/nowhere.pem" }],
    ["files the wrong way round", { TLS_CERT_FILE: keyFile, TLS_KEY_FILE: certFile }],
  ])("is not %s", (_, env) => {
    expect(mistakes(env as Record<string, string>)).toEqual([
      expect.stringMatching(/^TLS_CERT_FILE and TLS_KEY_FILE: /),
    ]);
  });
});

describe("the documents", () => {
  /** Each variable with its default as it is written in the environment; "" if it has none. */
  const documented = Object.entries(environment.shape).map(([name, schema]) => {
    const value: unknown = schema.safeParse(undefined).data;
    const text = value === undefined ? "" : Array.isArray(value) ? value.join(",") : String(value);
    return { name, default: text, description: schema.description };
  });

  test("every variable is described", () => {
    for (const { description } of documented) expect(description).toMatch(/^[A-Z`].*\.$/);
  });

  test(".env.example has every variable, its default and its description", async () => {
    const text = await readFile(new URL("../.env.example", import.meta.url), "utf8");
    const blocks = text.matchAll(/((?:^# .*\n)+)^#([A-Z_]+)=(.*)$/gm);
    expect(
      Array.from(blocks, ([, comment = "", name, value]) => ({
        name,
        default: value,
        description: comment.replaceAll(/^# /gm, "").trim().replaceAll("\n", " "),
      })),
    ).toEqual(documented);
  });

  test(".env.example changes nothing, uncommented", async () => {
    const text = await readFile(new URL("../.env.example", import.meta.url), "utf8");
    const env = parseEnv(text.replaceAll(/^#(?=[A-Z])/gm, ""));
    expect(Object.keys(env).sort()).toEqual(Object.keys(environment.shape).sort());
    expect(loadConfig(env as Record<string, string>)).toEqual(loadConfig({}));
  });

  test("docs/operations.md has every variable, its default and its description", async () => {
    const text = await readFile(new URL("../docs/operations.md", import.meta.url), "utf8");
    const section = /## Configuration\n(.*?)\n## /s.exec(text)?.[1] ?? "";
    const rows = section.matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`)? *\| (.*?) \|$/gm);
    expect(
      Array.from(rows, ([, name, value = "", description]) => ({
        name,
        default: value,
        description,
      })),
    ).toEqual(documented);
  });
});
