import { pino } from "pino";
import { expect } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { parseCheckpoint } from "../../src/log/checkpoint.ts";
import type { Entry } from "../../src/log/entry.ts";
import { parseNote } from "../../src/log/note.ts";
import { verifyConsistency } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import type { SigningKey } from "../../src/log/signing-key.ts";
import type { CheckpointStore, SignedHead } from "../../src/proof/checkpoint-store.ts";
import { openDirectoryStore } from "../../src/proof/directory-store.ts";
import { Notary, type NotaryOptions } from "../../src/proof/notary.ts";
import { consistencyHashes } from "../../src/proof/tree.ts";
import { append } from "../../src/store/append.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { createCheckpoints } from "../support/checkpoints.ts";
import { newEntry } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

/** What a notary has told. */
export interface Told {
  signed: number;
  failed: number;
  conflicts: number;
  refused: number;
  unsigned: number;
  /** Its log, as objects. */
  readonly logs: Readonly<Record<string, unknown>>[];
}

/** A notary as one replica has it. */
export interface Replica {
  readonly notary: Notary;
  readonly told: Told;
}

/** A database and a checkpoint store, and any number of replicas over both. */
export interface NotaryFixture extends AsyncDisposable {
  readonly pools: Pools;
  readonly key: SigningKey;
  readonly store: CheckpointStore;
  /** A notary that was not started; closed in the end. */
  replica(options?: Partial<NotaryOptions>): Replica;
  /** Appends entries of one transaction, as a replica does. */
  append(teamId: TeamId, count?: number, replica?: Replica): Promise<readonly Entry[]>;
  /** Statements as a superuser who is not stopped by triggers; `$1` is the team. */
  tamper(teamId: TeamId, ...statements: string[]): Promise<void>;
  /** Makes a log what it was at a size, tiles and all: what restoring an old backup does. */
  rollBack(teamId: TeamId, size: number): Promise<void>;
}

/** Makes one. Use `await using`. */
export async function createNotaryFixture(): Promise<NotaryFixture> {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await createDatabase());
  const { key, directory } = cleanup.use(await createCheckpoints());
  const connection = { connectionString: database.url };
  const pools = openPools({ connection, singleSession: false }, 4, () => undefined);
  cleanup.defer(() => pools.close());
  const store = await openDirectoryStore(directory);
  cleanup.defer(() => store.close());

  const tamper = async (teamId: TeamId, ...statements: string[]) => {
    const session = await pools.read.connect();
    try {
      await session.query("BEGIN");
      await session.query("ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL");
      for (const statement of statements) await session.query(statement, [teamId]);
      await session.query(
        "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
      );
      await session.query("COMMIT");
    } finally {
      session.release();
    }
  };
  const frontiers = new Map<string, string>();
  const owned = cleanup.move();
  return {
    pools,
    key,
    store,
    replica: (options) => {
      const told: Told = { signed: 0, failed: 0, conflicts: 0, refused: 0, unsigned: 0, logs: [] };
      const logger = pino({ base: null }, { write: (line) => told.logs.push(JSON.parse(line)) });
      const notary = new Notary({
        db: pools.read,
        key,
        store,
        logger,
        intervalMs: 0,
        metrics: {
          signed: () => {
            told.signed += 1;
          },
          failed: () => {
            told.failed += 1;
          },
          conflict: () => {
            told.conflicts += 1;
          },
          refused: (logs) => {
            told.refused = logs;
          },
          unsigned: (logs) => {
            told.unsigned = logs;
          },
        },
        ...options,
      });
      owned.defer(() => notary.close(0));
      return { notary, told };
    },
    append: async (teamId, count = 1, replica) => {
      const entries = Array.from({ length: count }, () => newEntry(teamId));
      const { appended } = await append(pools.write, entries);
      replica?.notary.appended(appended);
      const { rows } = await pools.read.query<{ size: bigint; frontier: Buffer }>(
        "SELECT size, frontier FROM control_plane.audit_log_heads WHERE team_id = $1",
        [teamId],
      );
      for (const { size, frontier } of rows) {
        frontiers.set(`${teamId}/${size}`, frontier.toString("hex"));
      }
      return appended;
    },
    tamper,
    rollBack: async (teamId, size) => {
      const frontier = size === 0 ? "" : frontiers.get(`${teamId}/${size}`);
      if (frontier === undefined) throw new Error(`the log never ended at ${size}`);
      await tamper(
        teamId,
        `DELETE FROM control_plane.audit_logs WHERE team_id = $1 AND sequence > ${size}`,
        `DELETE FROM control_plane.audit_log_tiles
         WHERE team_id = $1 AND ((tile_index + 1) << ((level + 1) * 8)) > ${size}`,
        `UPDATE control_plane.audit_log_heads SET size = ${size}, frontier = '\\x${frontier}'
         WHERE team_id = $1`,
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What a signed head's note says, the root in hexadecimal; fails if the head says otherwise. */
export function contentOf({ note, size, root }: SignedHead) {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  const hex = Buffer.from(checkpoint.root).toString("hex");
  expect([checkpoint.size, hex]).toEqual([size, Buffer.from(root).toString("hex")]);
  return { ...checkpoint, root: hex };
}

/** Fails the test unless the signed heads, in order of size, are of one log that only grows. */
export async function expectOneLog(
  { pools }: NotaryFixture,
  heads: readonly SignedHead[],
): Promise<void> {
  const bySize = heads.toSorted((a, b) => Number(a.size - b.size));
  for (const [i, to] of bySize.entries()) {
    const from = bySize[i - 1];
    if (from === undefined || from.size === 0n) continue;
    const sizes = { fromSize: from.size, toSize: to.size };
    const hashes = await consistencyHashes(pools.read, to.teamId, from.size, to.size);
    verifyConsistency(sha256, { ...sizes, hashes }, from.root, to.root);
  }
}
