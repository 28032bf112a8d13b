import { afterAll, beforeAll, expect, test } from "vitest";
import { append } from "../../src/store/append.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

const cleanup = new AsyncDisposableStack();
let pools: Pools;
let others: Pools;
beforeAll(async () => {
  const { url } = cleanup.use(await createDatabase());
  const open = () => {
    const opened = openPools(
      { connection: { connectionString: url }, singleSession: false },
      1,
      () => {},
    );
    cleanup.defer(() => opened.close());
    return opened;
  };
  pools = open();
  others = open();
  await pools.write.query("ALTER TABLE control_plane.audit_logs SET (autovacuum_enabled = off)");
});
afterAll(() => cleanup.disposeAsync());

/** The index by which the one session of a pool looks up ids, as it has planned. */
async function indexForIds(): Promise<string | undefined> {
  const { rows } = await pools.write.query<{ "QUERY PLAN": string }>(
    `EXPLAIN EXECUTE "recorded-one" ('${newTeam()}', '{${newEntry(newTeam()).id}}')`,
  );
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  return /Scan using (\w+) on audit_logs/.exec(plan)?.[1];
}

test("a session that has planned for a small table plans anew when a log has grown", async () => {
  const team = newTeam();
  const grow = (pool: Pools, entries: number) =>
    append(
      pool.write,
      Array.from({ length: entries }, () => newEntry(team)),
    );
  await grow(others, 200);
  await grow(pools, 1);
  // Without statistics one index is as good as the other: this one reads the whole log for each id. Should
  // a newer PostgreSQL choose well, plans need not be discarded any more.
  expect(await indexForIds()).toBe("audit_logs_pkey");
  await grow(others, 400);
  await grow(others, 398);
  expect(await indexForIds()).toBe("audit_logs_pkey");
  await grow(pools, 1);
  await grow(pools, 1);
  expect(await indexForIds()).toBe("audit_logs_team_id_id_key");
});
