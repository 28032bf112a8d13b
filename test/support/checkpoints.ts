import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatVerifierKey } from "../../src/log/note.ts";
import { formatSigningKey, makeSigningKey, type SigningKey } from "../../src/log/signing-key.ts";

/** A key to sign with and an empty checkpoint store. */
export interface TestCheckpoints extends AsyncDisposable {
  readonly key: SigningKey;
  readonly verifierKey: string;
  /** The store's directory. */
  readonly directory: string;
  /** What makes a server sign with them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Makes them. Use `await using`: the directory goes in the end. */
export async function createCheckpoints(name = "audit.example.com"): Promise<TestCheckpoints> {
  const key = makeSigningKey(name);
  const parent = await mkdtemp(join(tmpdir(), "annals-checkpoints-"));
  const directory = join(parent, "store");
  return {
    key,
    verifierKey: formatVerifierKey(key.verifier),
    directory,
    env: { CHECKPOINT_KEY: formatSigningKey(key), CHECKPOINT_STORE: directory },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true }),
  };
}
