import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SignJWT } from "jose";
import type { SummarizeRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { createAuditClient } from "../../src/client/client.ts";
import { formatTeamId } from "../../src/ids.ts";
import { startServerProcess } from "../../test/support/server-process.ts";
import type { BenchDatabase } from "../database.ts";
import { type Cell, figure, percentiles, progress } from "../report.ts";
import { elapsedMillis, latencies, percentile, type Samples } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { fillLargeLog, type LargeLog } from "./large-log.ts";

const fullCalls = 200;
const quickCalls = 40;
const naiveCalls = 3;
const targetMillis = 50;
const day = 86_400_000;

type Request = MessageInitShape<typeof SummarizeRequestSchema>;

/** How long Summarize takes in a large log, beside a GROUP BY of its entries. */
export async function measureSummaries({
  postgres,
  report,
  entries,
  quick,
}: Setting): Promise<void> {
  const calls = quick ? quickCalls : fullCalls;
  await using database = await postgres.createDatabase();
  progress(`summarize: filling a log of ${figure(entries)} entries`);
  const log = await fillLargeLog(database, entries);
  const secret = randomBytes(24).toString("hex");
  await using server = await startServerProcess({
    DATABASE_URL: database.url,
    AUTH_JWT_SECRET: secret,
  });
  const teamId = formatTeamId(log.teamId);
  const connect = (role: "admin" | "member") =>
    createAuditClient({ baseUrl: server.url, token: () => mint(role, teamId, secret) });
  await using admin = connect("admin");
  await using member = connect("member");

  const end = Date.parse(log.endTime);
  const lastDay = { recordTime: { from: timestampFromMs(end - day), to: timestampFromMs(end) } };
  const whole = Math.floor((90 * day) / 1_000);
  const width = (buckets: number) => ({
    bucketWidth: { seconds: BigInt(Math.ceil(whole / buckets)) },
  });
  const requests: [string, typeof admin, Request][] = [
    ["whole range, width chosen", admin, {}],
    ["whole range, 120 buckets", admin, width(119)],
    ["whole range, 500 buckets", admin, width(499)],
    ["24 hours, width chosen", admin, { filter: lastDay }],
    ["whole range, one status", admin, { filter: { statuses: [EntryStatus.ERROR] } }],
    ["whole range, a member", member, width(119)],
  ];
  const rows: Cell[][] = [];
  const fast: Samples[] = [];
  for (const [name, client, request] of requests) {
    progress(`summarize: ${name}`);
    const { buckets } = await client.audit.summarize(request);
    const samples = await latencies(calls, () => client.audit.summarize(request));
    fast.push(samples);
    rows.push([name, buckets.length, percentiles(samples)]);
  }
  const byActor = { filter: { actorIds: [log.actorId] } };
  const { buckets, countedFrom } = await admin.audit.summarize(byActor);
  progress("summarize: by actor");
  const searched = await latencies(calls / 4, () => admin.audit.summarize(byActor));
  const limited = countedFrom === undefined ? "all" : "up to the limit";
  rows.push([`one actor, ${limited}`, buckets.length, percentiles(searched)]);
  progress("summarize: naive");
  rows.push(["baseline: GROUP BY of the whole range, in SQL", 120, await naive(database, log, "")]);
  const sinceYesterday = `AND record_time >= '${new Date(end - day).toISOString()}'`;
  rows.push([
    "baseline: GROUP BY of 24 hours, in SQL",
    96,
    await naive(database, log, sinceYesterday),
  ]);
  report.table({
    title: `Summarize over RPC, a team of ${figure(entries)} entries: p50 and p99 in ms`,
    columns: ["", "buckets", "ms"],
    rows,
    note:
      `Client, server (a process of its own) and database on this machine, ${calls} calls one after ` +
      `another (by actor ${calls / 4}, baselines ${naiveCalls}). Entries of the demo's, copied by SQL: ` +
      `${figure(await bytesOf(database, "audit_logs", entries))} bytes each with their indexes.`,
  });
  report.table({
    title: "What the counts take",
    columns: ["", ""],
    rows: [
      ["bytes an entry", await bytesOf(database, "audit_log_counts", entries)],
      [`counting ${figure(entries)} entries anew, as the migration does, s`, log.countMs / 1_000],
    ],
  });
  report.claim({
    what: `Summarize by time, status and scope at ${figure(entries)} entries, the slowest p99`,
    measured: Math.max(...fast.map((samples) => percentile(samples, 0.99))),
    unit: "ms",
    target: { atMost: targetMillis },
  });
}

function mint(role: string, teamId: string, secret: string): Promise<string> {
  return new SignJWT({ role, team_id: teamId })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("usr-00000000-0000-4000-8000-000000000001")
    .setIssuedAt()
    .setExpirationTime("1 hour")
    .sign(Buffer.from(secret));
}

/** What one would write without counts. */
async function naive(database: BenchDatabase, log: LargeLog, more: string): Promise<Cell> {
  const samples: number[] = [];
  for (let n = 0; n < naiveCalls; n++) {
    samples.push(
      await elapsedMillis(() =>
        database.execute(`SELECT date_bin('12 hours', record_time, 'epoch') AS bucket, status, scope,
            count(*)
          FROM control_plane.audit_logs WHERE team_id = '${log.teamId}' ${more}
          GROUP BY bucket, status, scope`),
      ),
    );
  }
  return percentiles(samples.sort((a, b) => a - b));
}

async function bytesOf(database: BenchDatabase, table: string, entries: number): Promise<number> {
  const [row] = await database.execute(
    `SELECT pg_total_relation_size('control_plane.${table}')::float8 AS bytes`,
  );
  return Number(row?.bytes) / entries;
}
