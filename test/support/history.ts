import { randomUUIDv7 } from "node:crypto";
import pg from "pg";
import { seededRandom } from "../../src/cli/demo-random.ts";
import { nextEntry } from "../../src/cli/demo-traffic.ts";
import { createWorld } from "../../src/cli/demo-world.ts";
import type { NewEntry as PlainEntry, TeamIdText } from "../../src/client/new-entry.ts";
import { newEntryMessage } from "../../src/client/new-entry-message.ts";
import { createPrefixRegistry, type EntryId } from "../../src/ids.ts";
import { decodeEntry } from "../../src/rpc/codec.ts";
import { append } from "../../src/store/append.ts";
import { openPools } from "../../src/store/pool.ts";

/** An entry, and when it is to have been recorded. */
export interface PastEntry {
  readonly at: Date;
  readonly entry: PlainEntry;
}

const context = {
  principal: { kind: "service", id: "sandbox-api", grants: ["read_admin", "record_any_actor"] },
  prefixes: createPrefixRegistry(),
  makeId: () => randomUUIDv7() as EntryId,
} as const;

/**
 * Records entries as the server does, but with the database's clock at their times: a log with a past.
 * Oldest first. For a database that nothing else uses meanwhile; the URL is a superuser's.
 */
export async function recordPast(databaseUrl: string, past: Iterable<PastEntry>): Promise<void> {
  const clock = new pg.Client({ connectionString: databaseUrl });
  await clock.connect();
  const database = `"${new URL(databaseUrl).pathname.slice(1)}"`;
  try {
    await clock.query(`
      CREATE SCHEMA moved;
      CREATE TABLE moved.clock AS SELECT now() AS at;
      CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz
        LANGUAGE sql AS 'SELECT at FROM moved.clock';
      ALTER DATABASE ${database} SET search_path = moved, pg_catalog`);
    const connection = { connectionString: databaseUrl };
    const pools = openPools({ connection, singleSession: false }, 1, (error) => {
      throw error;
    });
    try {
      for (const { at, entry } of past) {
        await clock.query("UPDATE moved.clock SET at = $1", [at]);
        await append(pools.write, [decodeEntry(newEntryMessage(entry), "entry", context)]);
      }
    } finally {
      await pools.close();
    }
  } finally {
    await clock.query(`ALTER DATABASE ${database} RESET search_path; DROP SCHEMA moved CASCADE`);
    await clock.end();
  }
}

/**
 * What a team of the demo's world did in the last days: more by day than by night, and more on weekdays.
 * The same at every call but for ids and times.
 */
export function* pastOf(team: TeamIdText, days: number, entries: number): Generator<PastEntry> {
  const random = seededRandom(1843);
  const world = createWorld(seededRandom(1843), team);
  const end = Date.now();
  const times: number[] = [];
  while (times.length < entries) {
    const at = end - random.next() * days * 86_400_000;
    const time = new Date(at);
    const hour = time.getUTCHours();
    const isNight = hour < 7 || hour > 19;
    const isWeekend = time.getUTCDay() % 6 === 0;
    if (random.next() < (isNight ? 0.12 : 1) * (isWeekend ? 0.25 : 1)) times.push(at);
  }
  for (const at of times.sort((a, b) => a - b)) {
    const entry = { ...nextEntry(world, random), teamId: team, occurTime: new Date(at) };
    yield { at: new Date(at), entry };
  }
}
