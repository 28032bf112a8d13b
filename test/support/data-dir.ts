import { existsSync } from "node:fs";
import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { openEmbedded } from "../../src/store/embedded.ts";
import { migrateUp } from "../../src/store/migrate.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** An empty directory of the run's, for what is made once and copied. */
    sharedDirectory: string;
  }
}

/** A data directory of a test's own. */
export interface TestDataDir extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes a DATA_DIR in which the embedded database is there and migrated, as an earlier start leaves
 * it, and nothing else: no keys, no secrets. Making a database takes five seconds of CPU, so the run
 * makes one and this is a copy. Use `await using`.
 */
export async function createDataDir(): Promise<TestDataDir> {
  const template = await migratedTemplate();
  const path = await mkdtemp(join(tmpdir(), "annals-data-"));
  await cp(template, path, { recursive: true });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function migratedTemplate(): Promise<string> {
  const shared = inject("sharedDirectory");
  const template = join(shared, "migrated");
  if (existsSync(template)) return template;
  const draft = await mkdtemp(join(shared, "draft-"));
  const embedded = await openEmbedded(draft);
  await migrateUp(embedded.connection, () => undefined);
  await embedded.close();
  await rename(draft, template).catch(async (error: unknown) => {
    await rm(draft, { recursive: true });
    // Another worker was faster.
    if (!existsSync(template)) throw error;
  });
  return template;
}
