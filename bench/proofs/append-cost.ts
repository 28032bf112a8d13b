import { randomBytes, randomUUID } from "node:crypto";
import type { TeamId } from "../../src/ids.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { extendLogs } from "../../src/log/extend.ts";
import { detailsDigest, leafHash, saltBytes } from "../../src/log/leaf.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { append } from "../../src/store/append.ts";
import { importAppendWith } from "../append-variant.ts";
import { middle, progress } from "../report.ts";
import { cpuMicros, inTurns, median, type Rounds } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { traffic } from "../traffic.ts";
import { extendLogs as extendWithoutTree } from "./extend-without-tree.ts";

const batchEntries = 200;
const batches = 100;
const rounds = 15;
const quickRounds = 1;
const targetMicros = 12;

/**
 * Node's CPU time for an entry's salt, digest, leaf, frontier and tiles: the whole append with and
 * without them, and its parts in memory.
 */
export async function measureAppendCost({ postgres, report, quick }: Setting): Promise<void> {
  const turns = quick ? quickRounds : rounds;
  progress(`append: ${turns} rounds of ${batches} batches of ${batchEntries}, with and without`);
  await using database = await postgres.createDatabase();
  const { write } = database.pools;
  const appendWithoutTree = await importAppendWith(
    "/log/extend.ts",
    new URL("./extend-without-tree.ts", import.meta.url),
  );
  const of = (appending: typeof append) => {
    const next = traffic(newTeam());
    return async () => {
      const work = inBatches(next(batchEntries * batches));
      return each(work, await cpuMicros(() => appendAll(appending, work)));
    };
    async function appendAll(using: typeof append, work: readonly NewEntry[][]): Promise<void> {
      for (const batch of work) await using(write, batch);
    }
  };
  const whole = await inTurns(turns, { with: of(append), without: of(appendWithoutTree) });
  const parts = await measureParts(turns);
  const cost = median(whole.with) - median(whole.without);
  const row = (name: string, turns: Rounds) => [name, middle(turns)];
  report.table({
    title: `Appending in batches of ${batchEntries}: Node CPU an entry`,
    columns: ["", "µs (median, range)"],
    rows: [
      row("the whole append", whole.with),
      row("baseline: the same statements, constant hashes, no tree", whole.without),
      ["the tree's share: the difference of the medians", cost],
      row("in memory: all of extendLogs", parts.all),
      row("baseline in memory: positions and times only", parts.none),
      row("in memory: salt", parts.salt),
      row("in memory: details digest", parts.digest),
      row("in memory: leaf hash", parts.leaf),
      row("in memory: frontier", parts.frontier),
    ],
    note:
      "CPU time of all threads of the process, garbage collection included. The share has the " +
      "statements that write tiles in it; what is in memory has not.",
  });
  report.claim({
    what: "salt, digest, leaf, frontier and tiles of an entry, Node CPU",
    measured: cost,
    unit: "µs",
    target: { atMost: targetMicros },
  });
}

function measureParts(turns: number) {
  const team = newTeam();
  const entries = traffic(team)(batchEntries * batches);
  const work = inBatches(entries);
  const hash = randomBytes(32);
  const leaves = entries.map((entry) => ({
    ...entry,
    recordTime: Date.now(),
    detailsDigest: hash,
  }));
  const frontier = new Frontier(sha256);
  const size = { size: 0n, hashes: [] };
  const measure = (run: () => void) => async () => each(work, await cpuMicros(run));
  return inTurns(turns, {
    all: measure(() => {
      const logs = new Map([[team, { lastRecordTime: undefined, frontier }]]);
      for (const batch of work) extendLogs(batch, logs, [], Date.now());
    }),
    none: measure(() => {
      const logs = new Map([[team, { lastRecordTime: undefined, frontier: size }]]);
      for (const batch of work) extendWithoutTree(batch, logs, [], Date.now());
    }),
    salt: measure(() => {
      for (const batch of work) randomBytes(saltBytes * batch.length);
    }),
    digest: measure(() => {
      for (const entry of entries) detailsDigest(sha256, hash, entry.details);
    }),
    leaf: measure(() => {
      for (const leaf of leaves) leafHash(sha256, leaf);
    }),
    frontier: measure(() => {
      for (const leaf of leaves) frontier.append(leaf.detailsDigest);
    }),
  });
}

function inBatches(entries: readonly NewEntry[]): NewEntry[][] {
  const count = Math.ceil(entries.length / batchEntries);
  return Array.from({ length: count }, (_, i) =>
    entries.slice(i * batchEntries, (i + 1) * batchEntries),
  );
}

function each(work: readonly NewEntry[][], total: number): number {
  return total / work.reduce((sum, batch) => sum + batch.length, 0);
}

function newTeam(): TeamId {
  return randomUUID() as TeamId;
}
