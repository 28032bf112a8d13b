import pino from "pino";
import { expect, test } from "vitest";
import { Hub } from "../../src/feed/hub.ts";
import { followTeam } from "../../src/feed/team-subscription.ts";
import { everything } from "../../src/log/filter.ts";
import type { Queryable } from "../../src/store/pool.ts";
import { newTeam } from "../support/new-entry.ts";

test("a subscriber that was taking a message when its log came into doubt makes sure at once", async () => {
  let leaf = Buffer.alloc(32, 1);
  const db = {
    query: async ({ name }: { name: string }) => ({
      rows: [
        name === "head"
          ? { size: 1n, first_sequence: 1n, leaf_prefix: leaf.subarray(0, 8) }
          : { leaf_hash: leaf },
      ],
    }),
  } as unknown as Queryable;
  const teamId = newTeam();
  await using hub = Object.assign(
    new Hub({
      readSizes: async () => new Map([[teamId, 1n]]),
      readWindow: async () => [],
      logger: pino({ level: "silent" }),
    }),
    { [Symbol.asyncDispose]: () => hub.close() },
  );
  const reader = followTeam(
    {
      db,
      hub,
      filter: everything,
      signal: new AbortController().signal,
      // It would look again by itself only after this.
      heartbeatMs: 3_600_000,
      stopAtHead: false,
    },
    teamId,
    ({ end }) => end,
  );
  expect((await reader.next()).value?.entries).toEqual([]);
  leaf = Buffer.alloc(32, 2);
  using followed = hub.follow(teamId);
  followed.topic.doubt();
  await expect(reader.next()).rejects.toMatchObject({ reason: "LOG_CONTRADICTS_CURSOR" });
});
