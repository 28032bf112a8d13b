/** A server that signs, and `annals` run against a log on it: a log of its own for each test. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type AuditEntry, type AuditEntrySchema, EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { createAuditClient } from "../../src/client/client.ts";
import { createCheckpoints, type TestCheckpoints } from "./checkpoints.ts";
import { type CliProcess, type CliResult, runCli, startCli } from "./cli.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";
import { newId, startTestServer, type TestServer } from "./server.ts";

type EntryInit = Exclude<MessageInitShape<typeof AuditEntrySchema>, { $typeName: string }>;

/** What a test works with; server, key and database are the file's, the rest is the test's own. */
export interface CliLog {
  readonly server: TestServer;
  readonly database: TestDatabase;
  readonly checkpoints: TestCheckpoints;
  readonly teamId: string;
  /** An empty directory, in which the commands run. */
  readonly cwd: string;
  /** Records entries, each with a number as metadata; every seventh is for admins only. */
  record(count: number, init?: EntryInit | (() => EntryInit)): Promise<AuditEntry[]>;
  /** The environment of a command: as an admin of the team, with the key, unless said otherwise. */
  env(role?: "admin" | "member"): Promise<Record<string, string>>;
  /** Runs `annals` to its end with that environment, changed by `env`. */
  annals(
    args: readonly string[],
    options?: { role?: "admin" | "member"; env?: Record<string, string> },
  ): Promise<CliResult>;
  /** Starts it likewise; it is killed after the test if it still runs. */
  start(args: readonly string[], env?: Record<string, string>): Promise<CliProcess>;
  /** A checkpoint as the server signs it now. */
  checkpoint(): Promise<string>;
  /** Text of a file in the directory, and its replacement. */
  read(name: string): Promise<string>;
  write(name: string, content: string | Uint8Array): Promise<void>;
}

/** Gives each test of the file a log on the file's server. */
export function useCliLog(): CliLog {
  let database: TestDatabase;
  let checkpoints: TestCheckpoints;
  let server: TestServer;
  let teamId: string;
  let cwd: string;
  let running: CliProcess[] = [];
  let recorded = 0;
  beforeAll(async () => {
    database = await createDatabase();
    checkpoints = await createCheckpoints();
    server = await startTestServer({
      database,
      env: { ...checkpoints.env, CHECKPOINT_INTERVAL_SECONDS: "0" },
    });
  });
  afterAll(async () => {
    await server.close();
    await checkpoints[Symbol.asyncDispose]();
    await database.drop();
  });
  beforeEach(async () => {
    teamId = newId("team");
    recorded = 0;
    cwd = await mkdtemp(join(tmpdir(), "annals-cli-"));
  });
  afterEach(async () => {
    for (const { child } of running) child.kill("SIGKILL");
    await Promise.all(running.map(({ ended }) => ended));
    running = [];
    await rm(cwd, { recursive: true });
  });

  const env = async (role: "admin" | "member" = "admin") => ({
    ANNALS_URL: server.url,
    ANNALS_TOKEN: await server.jwt({ role, teamId }),
    ANNALS_VERIFIER_KEY: checkpoints.verifierKey,
    XDG_STATE_HOME: join(cwd, "state"),
  });
  return {
    get server() {
      return server;
    },
    get database() {
      return database;
    },
    get checkpoints() {
      return checkpoints;
    },
    get teamId() {
      return teamId;
    },
    get cwd() {
      return cwd;
    },
    async record(count, init = {}) {
      const token = await server.jwt({ role: "service", grants: [] });
      const { audit } = server.clients(token);
      const made: AuditEntry[] = [];
      while (made.length < count) {
        const entries = Array.from({ length: Math.min(500, count - made.length) }, () => {
          recorded += 1;
          const scope = recorded % 7 === 0 ? EntryScope.ADMIN : EntryScope.TEAM;
          const given = typeof init === "function" ? init() : init;
          return { teamId, action: "create", scope, metadata: { n: recorded }, ...given };
        });
        const { results } = await audit.recordBatch({ entries });
        for (const { outcome } of results) {
          if (outcome.case !== "entry") throw new Error(`not recorded: ${outcome.value?.message}`);
          made.push(outcome.value);
        }
      }
      return made;
    },
    env,
    annals: async (args, { role, env: changed } = {}) =>
      runCli(args, { cwd, env: { ...(await env(role)), ...changed } }),
    async start(args, changed = {}) {
      const cli = startCli(args, { cwd, env: { ...(await env()), ...changed } });
      running.push(cli);
      return cli;
    },
    async checkpoint() {
      const { ANNALS_URL: baseUrl, ANNALS_TOKEN: token } = await env();
      using client = createAuditClient({ baseUrl, token });
      return (await client.proofs.getCheckpoint({ teamId })).checkpoint;
    },
    read: (name) => readFile(join(cwd, name), "utf8"),
    write: (name, content) => writeFile(join(cwd, name), content),
  };
}

/** Expects a command to have succeeded, and gives what it printed. */
export function succeeded({ code, stdout, stderr }: CliResult): string {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}
