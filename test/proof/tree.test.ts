import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consistencyHashes, inclusionHashes, leafHashAt, rootAt } from "../../src/proof/tree.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { type Database, openPools, type Pools } from "../../src/store/pool.ts";
import type { DefinedTree } from "../log/defined-tree.ts";
import { createDataDir } from "../support/data-dir.ts";
import { newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { GrownLog } from "./grown-log.ts";

const hex = (hashes: readonly Uint8Array[]) =>
  hashes.map((hash) => Buffer.from(hash).toString("hex"));

/** Compares the inclusion proof of a leaf with its definition. */
async function checkInclusion(log: GrownLog, tree: DefinedTree, index: number, size: number) {
  const hashes = await inclusionHashes(log.db, log.teamId, BigInt(index), BigInt(size));
  expect(hex(hashes), `leaf ${index} of ${size}`).toEqual(hex(tree.path(index, size)));
}

async function checkConsistency(log: GrownLog, tree: DefinedTree, from: number, to: number) {
  const hashes = await consistencyHashes(log.db, log.teamId, BigInt(from), BigInt(to));
  expect(hex(hashes), `from ${from} to ${to}`).toEqual(hex(tree.proof(from, to)));
}

async function checkRoot(log: GrownLog, tree: DefinedTree, size: number) {
  const root = await rootAt(log.db, log.teamId, BigInt(size));
  expect(hex([root]), `root of ${size}`).toEqual(hex([tree.hash(0, size)]));
}

async function checkLeaf(log: GrownLog, tree: DefinedTree, sequence: number) {
  const leaf = await leafHashAt(log.db, log.teamId, BigInt(sequence));
  expect(hex(leaf === undefined ? [] : [leaf]), `leaf ${sequence}`).toEqual(
    hex([tree.hash(sequence - 1, sequence)]),
  );
}

/** Checks a tree of one size, at some leaves and earlier sizes or at random ones. */
async function checkSome(log: GrownLog, tree: DefinedTree, size: number) {
  await checkRoot(log, tree, size);
  const edges = [0, 1, 255, 256, 65_279, 65_280, 65_535, 65_536, size - 2, size - 1];
  const some = [...edges, ...Array.from({ length: 10 }, () => randomInt(size))];
  for (const index of some.filter((i) => i >= 0 && i < size)) {
    await checkInclusion(log, tree, index, size);
    await checkConsistency(log, tree, index + 1, size);
    await checkLeaf(log, tree, index + 1);
  }
}

describe.each(["PostgreSQL", "the embedded database"])("on %s", (storage) => {
  const cleanup = new AsyncDisposableStack();
  let pools: Pools;

  const openDatabase = async (): Promise<Database> => {
    if (storage === "PostgreSQL") {
      const { url } = cleanup.use(await createDatabase());
      return { connection: { connectionString: url }, singleSession: false };
    }
    const { path } = cleanup.use(await createDataDir());
    const { connection } = cleanup.adopt(await openEmbedded(path), (opened) => opened.close());
    return { connection, singleSession: true };
  };
  beforeAll(async () => {
    pools = openPools(await openDatabase(), 2, (error) => expect.fail(error.message));
    cleanup.defer(() => pools.close());
  });
  afterAll(() => cleanup.disposeAsync());

  test("every proof, root and leaf hash is the one that RFC 6962 defines, as a log grows", async () => {
    const log = new GrownLog(pools);
    for (const size of [1, 2, 3, 8, 9, 255, 256, 257, 511, 512, 513]) {
      const tree = await log.growTo(size);
      await checkRoot(log, tree, size);
      for (let index = 0; index < size; index++) {
        await checkInclusion(log, tree, index, size);
        await checkConsistency(log, tree, index + 1, size);
      }
    }
    const tree = await log.growTo(600);
    for (let size = 1; size <= 600; size++) {
      await checkRoot(log, tree, size);
      await checkLeaf(log, tree, size);
      await checkInclusion(log, tree, randomInt(size), size);
      await checkConsistency(log, tree, 1 + randomInt(size), size);
    }
  }, 120_000);

  test("they are at the edges of a tile of the second level too, and when entries are pruned", async () => {
    const log = new GrownLog(pools);
    for (const size of [65_279, 65_280, 65_281, 65_535, 65_536, 65_537]) {
      await checkSome(log, await log.growTo(size), size);
    }
    const tree = await log.growTo(65_536 + 700);
    const sizes = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_536 + 700];
    for (const size of [...sizes, randomInt(1, 65_536)]) await checkSome(log, tree, size);
    expect(await log.prune()).toBe(65_536 + 512 + 1);
    for (const size of [...sizes, randomInt(1, 65_536)]) await checkSome(log, tree, size);
    // It goes on growing from what was kept.
    await checkSome(log, await log.growTo(65_536 + 900), 65_536 + 900);
  }, 120_000);

  test("a log without entries has the empty root and no leaf", async () => {
    const teamId = newTeam();
    expect(hex([await rootAt(pools.read, teamId, 0n)])).toEqual([
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]);
    expect(await leafHashAt(pools.read, teamId, 1n)).toBeUndefined();
  });

  test("a leaf that the log has not reached has no hash, however far it is", async () => {
    const log = new GrownLog(pools);
    await log.growTo(256);
    expect(await leafHashAt(pools.read, log.teamId, 256n)).toBeDefined();
    for (const sequence of [257n, 65_537n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
      expect(await leafHashAt(pools.read, log.teamId, sequence)).toBeUndefined();
    }
  });

  test("teams' trees are apart", async () => {
    const logs = [new GrownLog(pools), new GrownLog(pools)];
    for (const size of [100, 300]) await Promise.all(logs.map((log) => log.growTo(size)));
    for (const log of logs) await checkSome(log, await log.growTo(301), 301);
  });

  describe("where a hash is missing there is an error, not a proof", () => {
    const damage = async (log: GrownLog, ...statements: string[]) => {
      const texts = [
        "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER audit_logs_append_only",
        ...statements.map((text) => text.replaceAll("$team", `'${log.teamId}'`)),
        "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
      ];
      for (const text of texts) await pools.write.query(text);
    };
    const prove = (log: GrownLog, index: number, size: number) =>
      inclusionHashes(pools.read, log.teamId, BigInt(index), BigInt(size));

    test("an entry of the unfinished tile", async () => {
      const log = new GrownLog(pools);
      const tree = await log.growTo(300);
      await damage(
        log,
        "DELETE FROM control_plane.audit_logs WHERE team_id = $team AND sequence IN (1, 290)",
      );
      // Leaf 1 is in a tile, leaf 290 was nowhere else.
      await checkInclusion(log, tree, 1, 256);
      await checkLeaf(log, tree, 1);
      const lacking = new RegExp(`lacks .* hashes of level 0 .* team ${log.teamId}`);
      await expect(prove(log, 256, 300)).rejects.toThrow(lacking);
      await expect(prove(log, 0, 300)).rejects.toThrow(lacking);
      await expect(rootAt(pools.read, log.teamId, 300n)).rejects.toThrow(lacking);
      await expect(consistencyHashes(pools.read, log.teamId, 256n, 300n)).rejects.toThrow(lacking);
      expect(await leafHashAt(pools.read, log.teamId, 290n)).toBeUndefined();
      await checkInclusion(log, tree, 0, 256);
    });

    test("a full tile, whose entries stand in for it while they are there", async () => {
      const log = new GrownLog(pools);
      const tree = await log.growTo(600);
      await damage(
        log,
        "DELETE FROM control_plane.audit_log_tiles WHERE team_id = $team AND tile_index = 1",
      );
      await checkInclusion(log, tree, 300, 512);
      // Its root is nowhere else.
      const lacking = /lacks 2 hashes of level 1 from 0 on/;
      await expect(prove(log, 520, 600)).rejects.toThrow(lacking);
    });

    test("half a tile", async () => {
      const log = new GrownLog(pools);
      await log.growTo(256);
      await damage(
        log,
        "ALTER TABLE control_plane.audit_log_tiles DROP CONSTRAINT audit_log_tiles_hashes_check",
        `UPDATE control_plane.audit_log_tiles SET hashes = substring(hashes FROM 1 FOR 4095)
         WHERE team_id = $team`,
      );
      await expect(prove(log, 0, 256)).rejects.toThrow(/lacks 255 hashes of level 0 from 1 on/);
    });
  });
});
