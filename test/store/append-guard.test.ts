import { afterAll, beforeAll, expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { append, LogInDoubt } from "../../src/store/append.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

const cleanup = new AsyncDisposableStack();
let pools: Pools;
beforeAll(async () => {
  const { url } = cleanup.use(await createDatabase());
  const connection = { connectionString: url };
  pools = openPools({ connection, singleSession: false }, 2, (error) => expect.fail(error.message));
  cleanup.defer(() => pools.close());
});
afterAll(() => cleanup.disposeAsync());

const refusal = new Error("rolled back");

async function sizeOf(teamId: TeamId): Promise<bigint> {
  const { rows } = await pools.read.query<{ size: bigint }>(
    "SELECT count(*) AS size FROM control_plane.audit_logs WHERE team_id = $1",
    [teamId],
  );
  return rows[0]?.size ?? 0n;
}

test("the guard judges every log by its size under the lock, and others' are appended to", async () => {
  const [good, fresh, refused, doubted] = [newTeam(), newTeam(), newTeam(), newTeam()];
  for (const teamId of [good, refused, doubted]) {
    await append(pools.write, [newEntry(teamId), newEntry(teamId)]);
  }
  const judged = new Map<TeamId, bigint>();
  const teams = [good, fresh, refused, doubted];
  const result = await append(
    pools.write,
    teams.map((teamId) => newEntry(teamId)),
    {
      guard: (teamId, size) => {
        judged.set(teamId, size);
        if (teamId === refused) return refusal;
        return teamId === doubted ? "wait" : "append";
      },
    },
  );
  expect(judged).toEqual(
    new Map([
      [good, 2n],
      [fresh, 0n],
      [refused, 2n],
      [doubted, 2n],
    ]),
  );
  expect(new Set(result.appended.map(({ teamId }) => teamId))).toEqual(new Set([good, fresh]));
  expect(result.refused).toEqual(new Map([[refused, refusal]]));
  expect(result.busy).toEqual(new Set([doubted]));
  expect(await Promise.all(teams.map(sizeOf))).toEqual([3n, 1n, 2n, 2n]);
});

test.each([
  ["refused", refusal, refusal],
  ["in doubt", "wait", expect.any(LogInDoubt)],
] as const)(
  "nothing is done alongside an append to a log that is %s",
  async (_, verdict, error) => {
    const teamId = newTeam();
    let done = false;
    const attempt = append(pools.write, [newEntry(teamId)], {
      guard: () => verdict,
      alongside: async () => {
        done = true;
      },
    });
    await expect(attempt).rejects.toEqual(error);
    expect(done).toBe(false);
    expect(await sizeOf(teamId)).toBe(0n);
  },
);
