import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatVerifierKey } from "../src/log/note.ts";
import { formatSigningKey, makeSigningKey } from "../src/log/signing-key.ts";
import { type ServerProcess, startServerProcess } from "../test/support/server-process.ts";

/** A server process that signs checkpoints, as in production. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  /** The key that verifies its checkpoints. */
  readonly verifierKey: string;
  /** Clients with a platform admin's credential. */
  readonly client: ReturnType<ServerProcess["client"]>;
}

/** Starts `src/main.ts` on a database, with a new key and an empty checkpoint store on this disk. */
export async function startServer(databaseUrl: string): Promise<BenchServer> {
  await using cleanup = new AsyncDisposableStack();
  const store = await mkdtemp(join(tmpdir(), "annals-bench-store-"));
  cleanup.defer(() => rm(store, { recursive: true, force: true }));
  const key = makeSigningKey("bench.example/annals");
  const server = cleanup.use(
    await startServerProcess({
      DATABASE_URL: databaseUrl,
      CHECKPOINT_KEY: formatSigningKey(key),
      CHECKPOINT_STORE: store,
      LOG_LEVEL: "info",
    }),
  );
  const owned = cleanup.move();
  return {
    url: server.url,
    verifierKey: formatVerifierKey(key.verifier),
    client: server.client(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
