import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditClient, createAuditClient } from "../src/client/client.ts";
import { formatVerifierKey } from "../src/log/note.ts";
import { formatSigningKey, makeSigningKey } from "../src/log/signing-key.ts";
import { startProgram } from "./program.ts";
import { adminToken, jwtSecret } from "./token.ts";

const main = new URL("../src/main.ts", import.meta.url);

/** A server process that signs checkpoints, as in production. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** The key that verifies its checkpoints. */
  readonly verifierKey: string;
  /** Clients with a platform admin's credential. */
  readonly client: AuditClient;
}

/**
 * Starts `src/main.ts` on a database, with a new key and an empty checkpoint store on this disk. It takes
 * tokens of `token.ts`. `env` adds to its environment, `nodeOptions` to its command line.
 */
export async function startServer(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
): Promise<BenchServer> {
  await using cleanup = new AsyncDisposableStack();
  const store = await mkdtemp(join(tmpdir(), "annals-bench-store-"));
  cleanup.defer(() => rm(store, { recursive: true, force: true }));
  const key = makeSigningKey("bench.example/annals");
  const server = cleanup.use(
    await startProgram(
      main,
      {
        PORT: "0",
        LOG_LEVEL: "info",
        AUTH_JWT_SECRET: jwtSecret,
        DATABASE_URL: databaseUrl,
        CHECKPOINT_KEY: formatSigningKey(key),
        CHECKPOINT_STORE: store,
        ...env,
      },
      nodeOptions,
    ),
  );
  const client = cleanup.use(createAuditClient({ baseUrl: server.url, token: adminToken }));
  const owned = cleanup.move();
  return {
    url: server.url,
    pid: server.pid,
    verifierKey: formatVerifierKey(key.verifier),
    client,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
