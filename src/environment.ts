import { z } from "zod";
import { streamLimits } from "./limits.ts";

/** Items between commas, without blanks. */
export const list = z
  .string()
  .transform((text) =>
    text.split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim()])),
  );
const boolean = z.enum(["true", "false"]).transform((word) => word === "true");
const wholeNumber = (least: number, most: number) =>
  z.string().transform((text, context) => {
    const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    context.addIssue(`must be a whole number from ${least} to ${most}`);
    return z.NEVER;
  });
/** The most that a timer of Node can wait. */
const milliseconds = wholeNumber(1, 2_147_483_647);
const algorithms = [
  ...["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** What Annals sets for its sessions itself: a URL that sets it too would win over that. */
const ownSessionSettings = [
  ...["application_name", "fallback_application_name", "options", "query_timeout", "replication"],
  ...["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
  "client_encoding",
];

const databaseUrl = z.url({ protocol: /^postgres(ql)?$/ }).superRefine((url, context) => {
  if (!URL.canParse(url)) return;
  const { searchParams } = new URL(url);
  for (const name of ownSessionSettings) {
    if (searchParams.has(name)) context.addIssue(`${name} must not be set, Annals sets it itself`);
  }
});

/**
 * The environment, one entry a variable; the description is its documentation, which
 * `docs/operations.md` and `.env.example` repeat and a test compares.
 */
export const environment = z.object({
  NODE_ENV: z
    .string()
    .optional()
    .describe("`production` refuses development credentials, and so does `DATABASE_URL`."),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PORT: wholeNumber(0, 65_535).default(8080).describe("Port to listen on; 0 takes a free one."),
  DATABASE_URL: databaseUrl
    .optional()
    .describe("PostgreSQL to store in. Without it, an embedded database in `DATA_DIR`."),
  DATA_DIR: z
    .string()
    .min(1)
    .default("./data")
    .describe("Where the embedded default keeps its files."),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .optional()
    .describe("The least level that is logged: by default `info`, in development `warn`."),
  TLS_CERT_FILE: z
    .string()
    .min(1)
    .optional()
    .describe("File with a PEM certificate chain; with it the port speaks TLS."),
  TLS_KEY_FILE: z
    .string()
    .min(1)
    .optional()
    .describe("File with the PEM private key of the certificate."),
  CORS_ORIGINS: list.default([]).describe("Origins of browser clients, comma-separated, exact."),
  DASHBOARD: z.enum(["on", "off"]).default("on").describe("`off` serves no dashboard."),
  ID_PREFIXES: z
    .string()
    .default("")
    .describe(
      "Changes to the id registry: `project=prj,user=` adds a prefix and makes user ids opaque.",
    ),
  AUTH_JWKS_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("Where the keys that sign JWTs are published."),
  AUTH_JWT_PUBLIC_KEY: z
    .string()
    .optional()
    .describe("A PEM public key that checks JWTs; `\\n` may stand for line ends."),
  AUTH_JWT_SECRET: z
    .string()
    .min(32)
    .optional()
    .describe("A secret that signs JWTs, at least 32 characters."),
  AUTH_ISSUER: z.string().optional().describe("The `iss` that JWTs must have."),
  AUTH_AUDIENCE: z.string().optional().describe("The `aud` that JWTs must have."),
  AUTH_ALGORITHMS: list
    .pipe(z.array(z.enum(algorithms)).min(1))
    .optional()
    .describe("Signature algorithms allowed; by default those that fit the configured key."),
  AUTH_CLOCK_TOLERANCE_SECONDS: wholeNumber(0, 600)
    .default(5)
    .describe("How far clocks may differ when a JWT's times are checked."),
  AUTH_CLAIM_SUBJECT: z.string().min(1).default("sub").describe("The claim with the caller's id."),
  AUTH_CLAIM_NAME: z.string().min(1).default("name").describe("The claim with the caller's name."),
  AUTH_CLAIM_TEAM: z
    .string()
    .min(1)
    .default("team_id")
    .describe("The claim with the caller's team."),
  AUTH_CLAIM_ROLE: z.string().min(1).default("role").describe("The claim with the caller's role."),
  AUTH_CLAIM_GRANTS: z
    .string()
    .min(1)
    .default("grants")
    .describe("The claim with a service's grants: a list of `read`, `read_admin`."),
  CHECKPOINT_KEY: z
    .string()
    .optional()
    .describe("The private key that signs checkpoints, as `annals keygen` prints it."),
  CHECKPOINT_KEY_FILE: z.string().optional().describe("File with that private key instead."),
  CHECKPOINT_ORIGIN: z
    .string()
    .optional()
    .describe(
      "The name of that key, with which checkpoints begin; new keys are named so. Visible ASCII.",
    ),
  CHECKPOINT_STORE: z
    .string()
    .optional()
    .describe(
      "Directory for the last signed heads: outside the database and its backups, shared by the replicas.",
    ),
  CHECKPOINT_INTERVAL_SECONDS: wholeNumber(0, 86_400)
    .default(60)
    .describe("How often logs that have grown are signed unasked; 0 for only when asked."),
  STREAMS_PER_PRINCIPAL: wholeNumber(1, 100_000)
    .default(streamLimits.perPrincipal)
    .describe("Streams that one principal may have open on a replica."),
  STREAM_MAX_AGE_MS: milliseconds
    .default(streamLimits.maxAgeMs)
    .describe("After this age a stream ends and its client resumes."),
  FAST_LANE: z
    .enum(["on", "off"])
    .default("on")
    .describe(
      "`off` takes every `Record`, `RecordBatch` and message of a `Stream` through connect-node.",
    ),
  FEED_HINTS: boolean
    .default(true)
    .describe("Tell other replicas of new entries by NOTIFY; without, they poll each second."),
  ONE_TEAM_PER_TRANSACTION: boolean
    .default(false)
    .describe("Append one team's entries a transaction, as a distributed database needs it."),
});

/** The environment, parsed. */
export type Environment = z.infer<typeof environment>;
