import { createAuditClient } from "../../src/client/client.ts";
import type { NewEntry } from "../../src/client/new-entry.ts";
import { newEntryMessage } from "../../src/client/new-entry-message.ts";
import { createRecorder } from "../../src/client/recorder/create-recorder.ts";
import { figure, middle, progress } from "../report.ts";
import { concurrently, cpuMicros, elapsedMillis, median } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { adminToken } from "../token.ts";
import { entryMaker, newTeamId } from "./entries.ts";
import { openInsertByHand } from "./insert-by-hand.ts";

/** Requests of the program under way at any time. */
const concurrency = 64;
const full = { entriesARound: 5_000, rounds: 7 };
const quickly = { entriesARound: 1_000, rounds: 2 };
const teams = 8;

interface Round {
  readonly perSecond: number;
  /** CPU of this process, which is the caller alone: microseconds an entry. */
  readonly cpu: number;
}

/**
 * Entries a second into a database that has committed them, and what each costs its caller, beside what
 * a program would do without the SDK.
 */
export async function measureThroughput({ postgres, report, quick }: Setting): Promise<void> {
  const { entriesARound, rounds } = quick ? quickly : full;
  await using database = await postgres.createDatabase();
  await using server = await startServer(database.url);
  await using byHand = await openInsertByHand(database);
  using client = createAuditClient({ baseUrl: server.url, token: adminToken });
  // One token for all, as a service keeps it: its making is not what is measured.
  const token = await adminToken();
  await using recorder = createRecorder({
    baseUrl: server.url,
    token,
    maxEntries: 2 * entriesARound,
  });
  const makers = Array.from({ length: teams }, () => entryMaker(newTeamId()));
  let next = 0;
  const make = () => (makers[next++ % teams] as () => NewEntry)();
  const awaited = (call: (entry: NewEntry) => Promise<unknown>) =>
    measureRound(entriesARound, () => concurrently(concurrency, entriesARound, () => call(make())));

  const ways = {
    "record, then flush": () =>
      measureRound(entriesARound, async () => {
        for (let i = 0; i < entriesARound; i++) recorder.record(make());
        if (!(await recorder.flush({ timeoutMs: 60_000 }))) throw new Error("not flushed in time");
      }),
    "await recordAndWait": () => awaited((entry) => recorder.recordAndWait(entry)),
    "baseline: await unary Record": () =>
      awaited((entry) => client.audit.record({ entry: newEntryMessage(entry) })),
    "baseline: await INSERT by hand with pg": () => awaited((entry) => byHand.insert(entry)),
  };
  const results = new Map<string, Round[]>(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    progress(`throughput: round ${round} of ${rounds}`);
    for (const [name, way] of Object.entries(ways)) {
      const result = await way();
      if (round > 0) results.get(name)?.push(result);
    }
  }
  const { dropped, refused } = recorder.stats;
  if (Object.values(dropped).some((count) => count > 0) || Object.keys(refused).length > 0) {
    throw new Error(`entries were lost: ${JSON.stringify({ dropped, refused })}`);
  }
  const sorted = (name: string, of: keyof Round) =>
    (results.get(name) ?? []).map((round) => round[of]).sort((a, b) => a - b);
  report.table({
    title: "Entries into a durable server, and their caller's CPU",
    columns: ["", "entries/s (median, range)", "caller's CPU, µs an entry (median, range)"],
    rows: Object.keys(ways).map((name) => [
      name,
      middle(sorted(name, "perSecond")),
      middle(sorted(name, "cpu")),
    ]),
    note:
      `${figure(entriesARound)} entries a round of ${teams} teams; what is awaited, by ` +
      `${concurrency} requests at a time. Caller, server (a process of its own) and database on this ` +
      "machine; the database commits to disk before any of them is done.",
  });
  const by = (name: keyof typeof ways, of: keyof Round) => median(sorted(name, of));
  report.claim({
    what: "entries a second by record, over those by an awaited INSERT",
    measured:
      by("record, then flush", "perSecond") /
      by("baseline: await INSERT by hand with pg", "perSecond"),
    unit: "times",
    target: { atLeast: 1 },
  });
  report.claim({
    what: "caller's CPU an entry by record, over that of an awaited INSERT",
    measured: by("record, then flush", "cpu") / by("baseline: await INSERT by hand with pg", "cpu"),
    unit: "times",
    target: { atMost: 1 },
  });
}

async function measureRound(entries: number, work: () => Promise<unknown>): Promise<Round> {
  let millis = 0;
  const cpu = await cpuMicros(async () => {
    millis = await elapsedMillis(work);
  });
  return { perSecond: (entries / millis) * 1_000, cpu: cpu / entries };
}
