import { formatTeamId } from "../../src/ids.ts";
import { verifyInclusion } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { consistencyHashes, inclusionHashes, leafHashAt, rootAt } from "../../src/proof/tree.ts";
import type { Queryable } from "../../src/store/pool.ts";
import type { FilledLog, LogShelf } from "../logs.ts";
import { type Cell, figure, percentiles, progress } from "../report.ts";
import { latencies, median, percentile, type Samples } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { naiveInclusion } from "./naive-tree.ts";

const fullCalls = 2_000;
const quickCalls = 100;
/** The naive way reads so much that few calls tell enough, and beyond this size too much. */
const naiveCalls = 20;
const naiveEntries = 100_000;
const targetMillis = 10;

/** How long proofs take by the size of the log, from the database and over RPC. */
export async function measureLatency({ report, quick }: Setting, shelf: LogShelf): Promise<void> {
  const calls = quick ? quickCalls : fullCalls;
  const { database, logs } = await shelf.open();
  const db = database.pools.read;
  await checkProofs(db, logs);
  const stored: Cell[][] = [];
  for (const log of logs) {
    progress(`latency: proofs from the database, ${figure(log.size)} entries`);
    const size = BigInt(log.size);
    const naive =
      log.size > naiveEntries
        ? undefined
        : await latencies(naiveCalls, () =>
            naiveInclusion(db, log.teamId, below(log.size), log.size),
          );
    const newest = await latencies(calls, () =>
      inclusionHashes(db, log.teamId, BigInt(below(log.size)), size),
    );
    const old = await latencies(calls, () => {
      const treeSize = 1 + below(log.size);
      return inclusionHashes(db, log.teamId, BigInt(below(treeSize)), BigInt(treeSize));
    });
    const consistency = await latencies(calls, () =>
      consistencyHashes(db, log.teamId, BigInt(1 + below(log.size)), size),
    );
    stored.push([
      figure(log.size),
      ...[newest, old, consistency].map(percentiles),
      naive === undefined ? "" : percentiles(naive),
    ]);
  }
  report.table({
    title: "Proofs from the database: p50 and p99 in ms",
    columns: ["entries", "inclusion", "in an old tree", "consistency", "baseline: from all leaves"],
    rows: stored,
    note:
      `Random leaves and sizes, ${figure(calls)} calls one after another (baseline: ${naiveCalls}), ` +
      "warm cache. Baseline: all leaf hashes are read and the tree computed, as RFC 6962 defines it.",
  });
  await measureOverRpc(report, database.url, logs, calls);
}

async function measureOverRpc(
  report: Setting["report"],
  databaseUrl: string,
  logs: readonly FilledLog[],
  calls: number,
): Promise<void> {
  await using server = await startServer(databaseUrl);
  const { audit, proofs } = server.client;
  const medians: number[] = [];
  const rows: Cell[][] = [];
  let slowest: Samples | undefined;
  for (const log of logs) {
    progress(`latency: proofs over RPC, ${figure(log.size)} entries`);
    const teamId = formatTeamId(log.teamId);
    const sequence = () => BigInt(1 + below(log.size));
    const get = await latencies(calls, () =>
      audit.get({ teamId, key: { case: "sequence", value: sequence() } }),
    );
    const inclusion = await latencies(calls, () =>
      proofs.getInclusionProof({ teamId, key: { case: "sequence", value: sequence() } }),
    );
    const consistency = await latencies(calls, () =>
      proofs.getConsistencyProof({ teamId, fromSize: sequence() }),
    );
    rows.push([
      figure(log.size),
      percentiles(inclusion),
      percentiles(consistency),
      percentiles(get),
    ]);
    medians.push(median(inclusion));
    slowest = inclusion;
  }
  report.table({
    title: "Proofs over RPC: p50 and p99 in ms",
    columns: ["entries", "inclusion", "consistency", "baseline: Get of an entry"],
    rows,
    note:
      "Client, server (a process of its own) and database on this machine; Connect over HTTP/2, one " +
      "call after another.",
  });
  const [smallest, largest] = [logs[0]?.size ?? 1, logs.at(-1)?.size ?? 1];
  report.claim({
    what: `inclusion proof over RPC at ${figure(largest)} entries, p99`,
    measured: slowest === undefined ? Number.NaN : percentile(slowest, 0.99),
    unit: "ms",
    target: { atMost: targetMillis },
  });
  report.claim({
    what: `the same, p50, over that at ${figure(smallest)} entries (the logarithm's growth is the target)`,
    measured: (medians.at(-1) ?? Number.NaN) / (medians[0] ?? Number.NaN),
    unit: "times",
    target: { atMost: Math.log2(largest) / Math.log2(smallest) },
  });
}

/** What is timed must be right: some proofs lead to the root, and both ways make the same. */
async function checkProofs(db: Queryable, logs: readonly FilledLog[]): Promise<void> {
  for (const { teamId, size } of logs) {
    const treeSize = BigInt(size);
    const root = await rootAt(db, teamId, treeSize);
    for (let i = 0; i < 20; i++) {
      const leafIndex = BigInt(below(size));
      const leaf = await leafHashAt(db, teamId, leafIndex + 1n);
      const hashes = await inclusionHashes(db, teamId, leafIndex, treeSize);
      verifyInclusion(sha256, leaf ?? sha256(), { leafIndex, treeSize, hashes }, root);
      if (i > 0 || size > naiveEntries) continue;
      const naive = await naiveInclusion(db, teamId, Number(leafIndex), size);
      if (Buffer.compare(Buffer.concat(naive), Buffer.concat(hashes)) !== 0) {
        throw new Error(`two inclusion proofs of leaf ${leafIndex} of ${size} differ`);
      }
    }
  }
}

/** A random whole number from 0 on. */
function below(end: number): number {
  return Math.floor(Math.random() * end);
}
