import { randomUUID, randomUUIDv7 } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { pino } from "pino";
import {
  RecordBatchRequestSchema,
  RecordBatchResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { createPrefixRegistry, type EntryId, type TeamId } from "../../src/ids.ts";
import { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { extendLogs } from "../../src/log/extend.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { decodeEntry, encodeEntry } from "../../src/rpc/codec.ts";
import { readRecordBatchRequest, recordBatchResponseBytes } from "../../src/rpc/record-wire.ts";
import { append } from "../../src/store/append.ts";
import { insertValues } from "../../src/store/rows.ts";
import { middle, progress } from "../report.ts";
import { cpuMicros, inTurns, median } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { traffic } from "../traffic.ts";
import { checkDense } from "./log-checks.ts";

const batchEntries = 200;
const none = new Uint8Array();
const decoding = {
  principal: { kind: "service", id: "bench", grants: ["read_admin", "record_any_actor"] },
  prefixes: createPrefixRegistry(),
  makeId: () => randomUUIDv7() as EntryId,
} as const;

/** How bytes become messages, and entries bytes. */
interface Codec {
  readonly read: typeof readRecordBatchRequest;
  readonly answer: (entries: readonly Entry[]) => Uint8Array;
}

const own: Codec = {
  read: readRecordBatchRequest,
  answer: (entries) =>
    recordBatchResponseBytes(
      entries.map((value) => ({ case: "entry", value })),
      false,
    ),
};
const protobufEs: Codec = {
  read: (bytes) => fromBinary(RecordBatchRequestSchema, bytes),
  answer: (entries) => {
    const results = entries.map((entry) => ({
      outcome: { case: "entry" as const, value: create(AuditEntrySchema, encodeEntry(entry)) },
    }));
    return toBinary(RecordBatchResponseSchema, create(RecordBatchResponseSchema, { results }));
  },
};

/**
 * This process's CPU time for an entry through RecordBatch's path, from the request's bytes to the
 * answer's, but for HTTP: the whole of it on the database, and what of it can be run by itself.
 */
export async function measureCpu({ postgres, report, rounds, quick }: Setting): Promise<void> {
  const batches = quick ? 10 : 50;
  progress(`cpu: ${rounds} rounds of ${batches} batches of ${batchEntries}`);
  await using database = await postgres.createDatabase();
  const queue = new GroupCommit({
    append: (entries, options) => append(database.pools.write, entries, options),
    onAppended: () => undefined,
    logger: pino({ level: "silent" }),
    metrics: { queued: () => undefined, committed: () => undefined, retried: () => undefined },
  });
  const each = (total: number) => total / (batches * batchEntries);
  const whole = (codec: Codec) => {
    const next = traffic(randomUUID() as TeamId);
    return async () => {
      const requests = Array.from({ length: batches }, () => requestBytes(next(batchEntries)));
      return each(
        await cpuMicros(async () => {
          for (const bytes of requests) {
            const record = queue.inOrder(new AbortController().signal);
            const entries = codec.read(bytes).entries.map((entry) => decode(entry));
            codec.answer(await Promise.all(entries.map(record)));
          }
        }),
      );
    };
  };
  const wholes = await inTurns(rounds, { own: whole(own), protobufEs: whole(protobufEs) });
  await queue.close(1_000);
  await checkDense(database, 2 * (rounds + 1) * batches * batchEntries);

  const team = randomUUID() as TeamId;
  const entries = traffic(team)(batchEntries);
  const bytes = requestBytes(entries);
  const messages = own.read(bytes).entries;
  const frontier = new Frontier(sha256);
  const extend = () => {
    const logs = new Map([[team, { lastRecordTime: undefined, frontier }]]);
    return extendLogs(entries, logs, [], Date.now()).appended;
  };
  const recorded = extend();
  const part = (run: () => unknown) => async () =>
    each(
      await cpuMicros(() => {
        for (let i = 0; i < batches; i++) run();
      }),
    );
  const parts = await inTurns(rounds, {
    read: part(() => own.read(bytes)),
    readByLibrary: part(() => protobufEs.read(bytes)),
    check: part(() => messages.map(decode)),
    tree: part(extend),
    rows: part(() => insertValues(recorded)),
    answer: part(() => own.answer(recorded)),
    answerByLibrary: part(() => protobufEs.answer(recorded)),
  });
  const alone = (["read", "check", "tree", "rows", "answer"] as const).reduce(
    (sum, name) => sum + median(parts[name]),
    0,
  );
  report.table({
    title: `RecordBatch of ${batchEntries} without HTTP: the server's CPU an entry`,
    columns: ["", "µs (median, range)"],
    rows: [
      ["the whole path", middle(wholes.own)],
      ["baseline: the same with protobuf-es", middle(wholes.protobufEs)],
      ["by itself: reading the request", middle(parts.read)],
      ["by itself: the same by protobuf-es", middle(parts.readByLibrary)],
      ["by itself: checking and normalising", middle(parts.check)],
      ["by itself: salts, hashes and tree", middle(parts.tree)],
      ["by itself: the values of the insert", middle(parts.rows)],
      ["by itself: writing the answer", middle(parts.answer)],
      ["by itself: the same by protobuf-es", middle(parts.answerByLibrary)],
      ["the rest: queue, driver, sockets", median(wholes.own) - alone],
    ],
    note: "CPU time of all threads of the process, garbage collection and system calls included.",
  });
  report.claim({
    id: "batch.cpu-without-http",
    goal: "batch-cpu",
    what: "CPU an entry through RecordBatch's path, without HTTP",
    measured: median(wholes.own),
    unit: "µs",
    target: { atMost: 40 },
  });
}

function decode(message: Parameters<typeof decodeEntry>[0]): NewEntry {
  return decodeEntry(message, "", decoding);
}

/** A RecordBatchRequest as a client sends it. */
function requestBytes(entries: readonly NewEntry[]): Uint8Array {
  const sent = entries.map((entry) => {
    const unrecorded = { sequence: 0n, recordTime: 0, detailsState: "none" } as const;
    const hashes = { detailsDigest: none, leafHash: none };
    const message = encodeEntry({ ...entry, ...unrecorded, ...hashes });
    const absent = { recorder: undefined, recordTime: undefined, detailsState: 0 };
    return create(AuditEntrySchema, { ...message, ...absent } as typeof message);
  });
  return toBinary(
    RecordBatchRequestSchema,
    create(RecordBatchRequestSchema, {
      entries: sent,
    }),
  );
}
