import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, type StorageConfig } from "../config.ts";
import type { SigningKey } from "../log/signing-key.ts";
import type { CheckpointStore } from "../proof/checkpoint-store.ts";
import { openDirectoryStore } from "../proof/directory-store.ts";
import { Notary, type NotaryOptions } from "../proof/notary.ts";
import {
  developmentSigningKey,
  keyFiles,
  readSigningKey,
  writeVerifierKey,
} from "./development.ts";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";

/** What signing takes. Close the store. */
export interface Checkpoints {
  readonly key: SigningKey;
  readonly store: CheckpointStore;
}

/**
 * The configured key and store. In the embedded default what is not configured is made in its
 * directory, which the caller must have for itself; the verifier key is written there in any case.
 * Undefined in production without a key.
 *
 * @throws ConfigError, or CheckpointStoreError if the store cannot be read and written.
 */
export async function openCheckpoints(config: StorageConfig): Promise<Checkpoints | undefined> {
  const { key: configured, origin, store } = config.checkpoints;
  if (config.production || "url" in config.database) {
    if (configured === undefined || store === undefined) return undefined;
    return { key: configured, store: await openDirectoryStore(store) };
  }
  const { dataDir } = config.database;
  const key = configured ?? requireName(await developmentSigningKey(dataDir, origin), config);
  await writeVerifierKey(dataDir, key);
  return { key, store: await openDirectoryStore(store ?? embeddedStore(dataDir)) };
}

/**
 * The same for a command, which makes nothing: the key and store that a server has been using.
 *
 * @throws ConfigError if there are none; CheckpointStoreError.
 */
export async function openExistingCheckpoints(config: StorageConfig): Promise<Checkpoints> {
  const key = await configuredKey(config);
  const { database, checkpoints } = config;
  const directory =
    checkpoints.store ?? ("dataDir" in database ? embeddedStore(database.dataDir) : undefined);
  if (directory === undefined) throw new ConfigError(["CHECKPOINT_STORE: is not set"]);
  return { key, store: await openDirectoryStore(directory, { create: false }) };
}

/**
 * The key that a server with this configuration signs with.
 *
 * @throws ConfigError if it has none.
 */
export async function configuredKey(config: StorageConfig): Promise<SigningKey> {
  const { key } = config.checkpoints;
  if (key !== undefined) return key;
  if (config.production || "url" in config.database) {
    throw new ConfigError(["CHECKPOINT_KEY or CHECKPOINT_KEY_FILE: is not set"]);
  }
  const { signing } = keyFiles(config.database.dataDir);
  if (existsSync(signing)) return requireName(await readSigningKey(signing), config);
  throw new ConfigError([`CHECKPOINT_KEY: is not set, and no server has made a key in ${signing}`]);
}

function embeddedStore(dataDir: string): string {
  return join(dataDir, "checkpoints");
}

function requireName(key: SigningKey, { checkpoints: { origin } }: StorageConfig): SigningKey {
  if (origin === undefined || origin === key.verifier.name) return key;
  throw new ConfigError([
    `CHECKPOINT_ORIGIN: the key in the data directory is named ${key.verifier.name}`,
  ]);
}

/** What else a notary takes, and whom it tells. */
export interface NotarySurroundings extends Pick<NotaryOptions, "db" | "logger" | "intervalMs"> {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly recheckMs?: number;
}

/** The notary, if there is what it signs with. While it refuses logs the server is not ready. */
export function createNotary(
  checkpoints: Checkpoints | undefined,
  { metrics, health, ...surroundings }: NotarySurroundings,
): Notary | undefined {
  if (checkpoints === undefined) {
    surroundings.logger.warn(
      "no CHECKPOINT_KEY: no checkpoints are signed, and no log that was rolled back is noticed",
    );
    return undefined;
  }
  return new Notary({
    ...checkpoints,
    ...surroundings,
    metrics: {
      signed: (seconds) => {
        metrics.checkpointsSigned.inc();
        metrics.checkpointSeconds.observe(seconds);
      },
      failed: () => metrics.checkpointFailures.inc(),
      conflict: () => metrics.checkpointConflicts.inc(),
      refused: (logs) => {
        metrics.refusedLogs.set(logs);
        health.set("checkpoints", logs === 0, `${logs} log(s) contradict what was signed`);
      },
      unsigned: (logs) => metrics.unsignedLogs.set(logs),
    },
  });
}
