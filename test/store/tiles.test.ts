import { randomUUID, randomUUIDv7 } from "node:crypto";
import { expect, test } from "vitest";
import type { EntryId, TeamId } from "../../src/ids.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { frontierFrom } from "../../src/log/extend.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { append } from "../../src/store/append.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { openPools } from "../../src/store/pool.ts";
import { createDatabase } from "../support/postgres.ts";

function newEntry(teamId: TeamId): NewEntry {
  return {
    id: randomUUIDv7() as EntryId,
    teamId,
    recorder: { type: "service", id: "tests" },
    actor: { type: "system", id: "system" },
    action: "create",
    scope: "team",
    status: "success",
    details: {},
    bytes: 400,
  };
}

function rootOf(leaves: readonly Uint8Array[]): string {
  const frontier = new Frontier(sha256);
  for (const leaf of leaves) frontier.append(leaf);
  return Buffer.from(frontier.root()).toString("hex");
}

test("an append keeps its log's tree: the frontier in the head, and every tile that is full", async () => {
  await using database = await createDatabase();
  const pools = openPools(
    { connection: { connectionString: database.url }, singleSession: false },
    2,
    (error) => expect.fail(error.message),
  );
  try {
    const teamId = randomUUID() as TeamId;
    const known = new KnownLogs();
    const leaves: Uint8Array[] = [];
    // Past one full tile of the second level, in batches that do not fit the tiles.
    while (leaves.length < 65_536 + 300) {
      const entries = Array.from({ length: 499 }, () => newEntry(teamId));
      const { appended } = await append(pools.write, entries, { known });
      leaves.push(...appended.map((entry) => entry.leafHash));
    }

    const { rows: heads } = await pools.read.query<{ size: bigint; frontier: Buffer }>(
      "SELECT size, frontier FROM control_plane.audit_log_heads",
    );
    const [head] = heads;
    expect(head?.size).toBe(BigInt(leaves.length));
    const frontier = frontierFrom(head?.size ?? 0n, head?.frontier ?? Buffer.alloc(0));
    expect(Buffer.from(frontier.root()).toString("hex")).toBe(rootOf(leaves));

    const { rows: tiles } = await pools.read.query<{
      level: number;
      tile_index: bigint;
      hashes: Buffer;
      root: Buffer;
    }>("SELECT * FROM control_plane.audit_log_tiles ORDER BY level, tile_index");
    const leafTiles = tiles.filter((tile) => tile.level === 0);
    expect(leafTiles.length).toBe(Math.floor(leaves.length / 256));
    for (const [i, tile] of leafTiles.entries()) {
      const own = leaves.slice(i * 256, (i + 1) * 256);
      expect(tile.tile_index).toBe(BigInt(i));
      expect(tile.hashes.equals(Buffer.concat(own))).toBe(true);
      expect(tile.root.toString("hex")).toBe(rootOf(own));
    }
    const upperTiles = tiles.filter((tile) => tile.level === 1);
    expect(upperTiles.map((tile) => tile.tile_index)).toEqual([0n]);
    const below = leafTiles.slice(0, 256).map((tile) => tile.root);
    expect(upperTiles[0]?.hashes.equals(Buffer.concat(below))).toBe(true);
    expect(upperTiles[0]?.root.toString("hex")).toBe(rootOf(leaves.slice(0, 65_536)));
  } finally {
    await pools.close();
  }
});
