import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recordedEntry } from "../../src/client/recorded-entry.ts";
import type { TeamId } from "../../src/ids.ts";
import type { Entry } from "../../src/log/entry.ts";
import { everything } from "../../src/log/filter.ts";
import { append } from "../../src/store/append.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { readWindow } from "../../src/store/entries.ts";
import { type Database, openPools, type Pools } from "../../src/store/pool.ts";
import { insertStatement, insertValues } from "../../src/store/rows.ts";
import { arbitraryEntry, arbitraryRecorded } from "../support/arbitrary-entry.ts";
import { createDataDir } from "../support/data-dir.ts";
import {
  leafParts,
  message,
  throughBinary,
  throughJson,
  throughLine,
  verifiedLeaf,
} from "../support/leaf-paths.ts";
import { newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

/** Runs what is given on PostgreSQL and on the embedded database. */
const databases: [string, (use: (database: Database) => Promise<void>) => Promise<void>][] = [
  [
    "PostgreSQL",
    async (use) => {
      await using database = await createDatabase();
      await use({ connection: { connectionString: database.url }, singleSession: false });
    },
  ],
  [
    "the embedded database",
    async (use) => {
      await using directory = await createDataDir();
      const embedded = await openEmbedded(directory.path);
      try {
        await use({ connection: embedded.connection, singleSession: true });
      } finally {
        await embedded.close();
      }
    },
  ],
];

async function stored(pools: Pools, teamId: TeamId, from: bigint, to: bigint): Promise<Entry[]> {
  return readWindow(pools.read, teamId, { from, to }, everything, "oldest_first", 500);
}

/**
 * Holds what was read to what was recorded, and their leaves to each other to the byte: as read,
 * and as a client has them after all the ways out of the server.
 */
function expectSame(read: readonly Entry[], recorded: readonly Entry[]): void {
  expect(read.map(comparable)).toEqual(recorded.map(comparable));
  for (const [i, entry] of read.entries()) {
    const original = recorded[i];
    if (original === undefined) throw new Error("more entries were read than recorded");
    const due = leafParts(original);
    expect(due.hash).toBe(Buffer.from(original.leafHash).toString("hex"));
    expect(leafParts(entry)).toEqual(due);
    const sent = message(entry);
    for (const received of [throughBinary(sent), throughJson(sent), throughLine(sent)]) {
      expect(leafParts(recordedEntry(received))).toEqual(due);
    }
    expect(verifiedLeaf(throughLine(throughJson(throughBinary(sent))))).toBe(due.hash);
  }
}

describe.each(databases)("an entry stored in %s", (_, withDatabase) => {
  test("is read back as it was answered, with the same leaf to the byte", async () => {
    await withDatabase(async (database) => {
      const pools = openPools(database, 2, (error) => expect.fail(error.message));
      try {
        const teamId = newTeam();
        let size = 0n;
        await fc.assert(
          fc.asyncProperty(
            fc.array(arbitraryEntry(teamId), { minLength: 40, maxLength: 60 }),
            async (entries) => {
              const { appended } = await append(pools.write, entries);
              const from = size + 1n;
              size += BigInt(entries.length);
              expectSame(await stored(pools, teamId, from, size), appended);
            },
          ),
          { numRuns: 25, endOnFailure: true },
        );
        expect(size).toBeGreaterThanOrEqual(1_000n);

        // The server's clock knows this year only; these are from any, and some are erased.
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(arbitraryRecorded(newTeam()), {
              minLength: 40,
              maxLength: 60,
              selector: ({ sequence }) => sequence,
            }),
            async (entries) => {
              const other = newTeam();
              const recorded = entries.map((entry) => ({ ...entry, teamId: other }));
              recorded.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
              await pools.write.query(insertStatement, insertValues(recorded));
              const read = await stored(pools, other, 1n, 2n ** 63n - 1n);
              expect(read.map(comparable)).toEqual(recorded.map(comparable));
              expect(read.map(leafParts)).toEqual(recorded.map(leafParts));
            },
          ),
          { numRuns: 10, endOnFailure: true },
        );
      } finally {
        await pools.close();
      }
    });
  }, 120_000);
});

/** Key order is not part of JSON, and PostgreSQL does not keep it; nor the sign of zero. */
function comparable(entry: { details: object; detailsSalt?: Uint8Array; bytes: number }) {
  return JSON.parse(
    JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
}
