import type pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { Hints } from "../../src/feed/hints.ts";
import type { TeamId } from "../../src/ids.ts";
import type { Entry } from "../../src/log/entry.ts";
import { createLogger } from "../../src/logger.ts";
import { newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

const cleanup = new AsyncDisposableStack();
let connectionString: string;
beforeAll(async () => {
  connectionString = cleanup.use(await createDatabase()).url;
});
afterAll(() => cleanup.disposeAsync());

interface Sent {
  readonly at: number;
  readonly teams: readonly string[];
}

/** Hints that listen, and whose own are kept here in place of being sent. */
async function openHints() {
  const sent: Sent[] = [];
  const connected = Promise.withResolvers<void>();
  const hints = new Hints({
    connection: { connectionString },
    logger: createLogger("fatal"),
    onHint: () => {},
    onConnected: connected.resolve,
    db: {
      query: async <Row extends pg.QueryResultRow>({ values }: pg.QueryConfig) => {
        const payloads = values?.[1] as string[];
        const teams = payloads.flatMap((payload) => payload.split(" ")[1]?.split(",") ?? []);
        sent.push({ at: performance.now(), teams });
        return { rows: [] as Row[] } as pg.QueryResult<Row>;
      },
    },
  });
  await connected.promise;
  return { hints, sent };
}

const entryOf = (teamId: TeamId) => ({ teamId }) as Entry;

test("what was announced last goes out when the hints close, and nothing twice", async () => {
  const { hints, sent } = await openHints();
  const [first, second] = [newTeam(), newTeam()];
  hints.announce([entryOf(first), entryOf(second), entryOf(first)]);
  expect(sent).toEqual([]);
  await hints.close();
  expect(sent.map(({ teams }) => teams)).toEqual([[first, second]]);

  const quiet = await openHints();
  await quiet.hints.close();
  expect(quiet.sent).toEqual([]);
});

test("however often entries are announced, a hint comes 25 ms after another, with all teams", async () => {
  const { hints, sent } = await openHints();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const teams: TeamId[] = [];
  const start = performance.now();
  for (let ms = 0; ms < 100; ms++) {
    teams.push(newTeam());
    hints.announce([entryOf(teams.at(-1) as TeamId)]);
    vi.advanceTimersByTime(1);
  }
  expect(sent.map(({ at }) => at - start)).toEqual([5, 30, 55, 80]);
  await hints.close();
  expect(sent.flatMap((hint) => hint.teams)).toEqual(teams);
  expect(sent).toHaveLength(5);
});
