import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { everything } from "../../src/log/filter.ts";
import { detailsDigest, leafHash } from "../../src/log/leaf.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { append } from "../../src/store/append.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { readWindow } from "../../src/store/entries.ts";
import { migrateUp } from "../../src/store/migrate.ts";
import { type Database, openPools } from "../../src/store/pool.ts";
import { arbitraryEntry } from "../support/arbitrary-entry.ts";
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
      const directory = await mkdtemp(join(tmpdir(), "annals-test-"));
      const embedded = await openEmbedded(directory);
      try {
        await migrateUp(embedded.connection, () => undefined);
        await use({ connection: embedded.connection, singleSession: true });
      } finally {
        await embedded.close();
        await rm(directory, { recursive: true });
      }
    },
  ],
];

describe.each(databases)("an entry stored in %s", (_, withDatabase) => {
  test("is read back as it was answered, with the same digest and leaf hash", async () => {
    await withDatabase(async (database) => {
      const pools = openPools(database, 2, (error) => expect.fail(error.message));
      try {
        const teamId = randomUUID() as TeamId;
        let size = 0n;
        await fc.assert(
          fc.asyncProperty(
            fc.array(arbitraryEntry(teamId), { minLength: 20, maxLength: 60 }),
            async (entries) => {
              const { appended } = await append(pools.write, entries);
              const from = size + 1n;
              size += BigInt(entries.length);
              const window = { from, to: size };
              const stored = await readWindow(
                pools.read,
                teamId,
                window,
                everything,
                "oldest_first",
                entries.length,
              );
              expect(stored.map(comparable)).toEqual(appended.map(comparable));
              for (const entry of stored) {
                expect(entry.detailsSalt).toBeDefined();
                const digest = detailsDigest(
                  sha256,
                  entry.detailsSalt ?? Buffer.alloc(0),
                  entry.details,
                );
                expect(Buffer.from(digest).equals(entry.detailsDigest)).toBe(true);
                expect(Buffer.from(leafHash(sha256, entry)).equals(entry.leafHash)).toBe(true);
              }
            },
          ),
          { numRuns: 30 },
        );
      } finally {
        await pools.close();
      }
    });
  });
});

/** Key order is not part of JSON, and PostgreSQL does not keep it. */
function comparable(entry: { details: object; detailsSalt?: Uint8Array; bytes: number }) {
  return JSON.parse(
    JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
}
