import { randomBytes, randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { formatTeamId, type TeamId } from "../../src/ids.ts";
import { checkpointOrigin, formatCheckpoint } from "../../src/log/checkpoint.ts";
import { makeSigningKey, signNote } from "../../src/log/signing-key.ts";
import { percentiles, progress } from "../report.ts";
import { concurrently, cpuMicros, inTurns, latencies, median } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";

const signatures = 2_000;
const fullCalls = 1_000;
const quickCalls = 100;
const concurrency = 32;

/** What signing costs, and what it adds to a Record that asks for its proof. */
export async function measureSigning({ postgres, report, quick }: Setting): Promise<void> {
  const calls = quick ? quickCalls : fullCalls;
  await using database = await postgres.createDatabase();
  await using server = await startServer(database.url);
  const { audit, proofs } = server.client;
  const teamId = formatTeamId(randomUUID() as TeamId);
  const record = (withProof: boolean) => () => audit.record({ entry: entryOf(teamId), withProof });
  progress(`signing: ${calls} calls of each kind`);
  await record(true)();

  const idle = await latencies(calls, () => proofs.getCheckpoint({ teamId }));
  const plain = await latencies(calls, record(false));
  const proved = await latencies(calls, record(true));
  const plainRate = await concurrently(concurrency, calls * 4, record(false));
  const provedRate = await concurrently(concurrency, calls * 4, record(true));
  report.table({
    title: "Recording with proof, over RPC",
    columns: [
      "",
      "p50, p99 in ms, one call after another",
      `calls a second, ${concurrency} at once`,
    ],
    rows: [
      ["baseline: Record", percentiles(plain), Math.round(plainRate)],
      ["Record with checkpoint and inclusion proof", percentiles(proved), Math.round(provedRate)],
      ["GetCheckpoint, nothing recorded since", percentiles(idle), ""],
    ],
    note: "One team. Client, server and database on this machine; the checkpoint store is on its disk.",
  });

  const key = makeSigningKey("bench.example/annals");
  const origin = checkpointOrigin(key.verifier.name, randomUUID() as TeamId);
  const root = randomBytes(32);
  const text = (size: number) => formatCheckpoint({ origin, size: BigInt(size), root });
  const each = (sign: (size: number) => unknown) => async () =>
    (await cpuMicros(() => {
      for (let size = 1; size <= signatures; size++) sign(size);
    })) / signatures;
  const cpu = await inTurns(9, {
    sign: each((size) => signNote(key, text(size))),
    text: each(text),
  });
  report.table({
    title: "Signing a checkpoint in memory",
    columns: ["", "µs of CPU", "a second"],
    rows: [
      ["format and sign (Ed25519)", median(cpu.sign), 1e6 / median(cpu.sign)],
      ["baseline: format", median(cpu.text), 1e6 / median(cpu.text)],
    ],
  });
}

function entryOf(teamId: string) {
  return create(AuditEntrySchema, {
    teamId,
    action: "create",
    resource: { type: "snapshot", id: "nightly" },
    metadata: { size_mb: 512 },
  });
}
