import { expect, test } from "vitest";
import { AuditError } from "../../src/errors.ts";
import type { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { databaseError, FakeLog, type FakeTransaction, groupCommitOver } from "./fake-log.ts";

const never = new AbortController().signal;

/** What a call came to: the sequence, or the reason of its failure and whether it says "again". */
async function outcome(call: Promise<Entry>): Promise<bigint | string> {
  return call.then(
    ({ sequence }) => sequence,
    ({ reason, retryDelayMs }: AuditError) =>
      retryDelayMs === undefined ? reason : `${reason}, again`,
  );
}

/** Records a batch; what became of each of its entries. */
function recordBatch(queue: GroupCommit, entries: readonly NewEntry[]) {
  const record = queue.inOrder(never);
  return Promise.all(entries.map((entry) => outcome(record(entry))));
}

/** Ends transactions as `end` says until everything is answered. */
async function serve<T>(
  log: FakeLog,
  answers: Promise<T>,
  end: (transaction: FakeTransaction) => void,
): Promise<T> {
  for (;;) {
    const next = await Promise.race([log.next(), answers.then(() => undefined)]);
    if (next === undefined) return answers;
    end(next);
  }
}

const has = ({ entries }: FakeTransaction, action: string) =>
  entries.some((entry) => entry.action === action);
const actions = (entries: readonly NewEntry[]) => entries.map(({ action }) => action);

test("of a batch, a smaller entry behind one for which the queue has no room is not recorded before it", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { limits: { queueBytes: 4_000 } });
  const [team, other] = [newTeam(), newTeam()];
  const sized = (of: typeof team, action: string, bytes: number) => {
    return { ...newEntry(of, action), bytes };
  };
  const large = sized(team, "large", 900);
  const small = sized(team, "small", 100);
  const batch = [sized(team, "first", 400), large, small, sized(other, "other", 100)];
  const answers = await serve(log, recordBatch(queue, batch), (next) => next.commit());
  // What came before it goes, and so does another team's.
  expect(answers).toEqual([1n, "QUEUE_FULL, again", "QUEUE_FULL, again", 1n]);
  expect(await serve(log, recordBatch(queue, [large, small]), (next) => next.commit())).toEqual([
    2n,
    3n,
  ]);
});

test.each([
  ["of one transaction", 500],
  ["of several transactions", 3],
])(
  "what is behind an entry that fails for no fault of its own waits for it, %s",
  async (_, size) => {
    const log = new FakeLog();
    const queue = groupCommitOver(log.append, { limits: { transactionEntries: size } });
    const [team, other] = [newTeam(), newTeam()];
    const batch = Array.from({ length: 16 }, (__, i) =>
      newEntry(i % 2 === 0 ? team : other, i === 6 ? "poison" : `step.${i}`),
    );
    const failure = Object.assign(databaseError("23514"), { table: "audit_log_tiles" });
    let isBroken = true;
    const end = (next: FakeTransaction) => {
      if (isBroken && has(next, "poison")) next.fail(failure);
      else next.commit();
    };
    const first = await serve(log, recordBatch(queue, batch), end);
    expect(first.filter((__, i) => i % 2 === 0)).toEqual([
      ...[1n, 2n, 3n, "INTERNAL"],
      ...Array.from({ length: 4 }, () => "INTERNAL, again"),
    ]);
    expect(first.filter((__, i) => i % 2 === 1)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    isBroken = false;
    const again = batch.filter((__, i) => typeof first[i] === "string");
    await serve(log, recordBatch(queue, again), end);
    const inTeam = (entries: readonly NewEntry[]) => entries.filter((e) => e.teamId === team);
    expect(actions(inTeam(log.committed))).toEqual(actions(inTeam(batch)));
  },
);

test("what is behind an invalid entry waits for nothing", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const batch = ["one", "bad", "two", "three"].map((action) => newEntry(team, action));
  const answers = await serve(log, recordBatch(queue, batch), (next) => {
    if (has(next, "bad")) next.fail(databaseError("22021"));
    else next.commit();
  });
  expect(answers).toEqual([1n, "INVALID_FIELD", 2n, 3n]);
});

test("a log that is refused in one transaction takes none of the batch in the next", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { limits: { transactionEntries: 2 } });
  const team = newTeam();
  const refusal = new AuditError("LOG_CONTRADICTS_CHECKPOINT", "rolled back");
  const batch = Array.from({ length: 5 }, () => newEntry(team));
  let transactions = 0;
  const answers = await serve(log, recordBatch(queue, batch), (next) => {
    transactions += 1;
    next.commit([], transactions === 1 ? new Map([[team, refusal]]) : new Map());
  });
  expect(answers).toEqual(batch.map(() => refusal.reason));
  expect(log.committed).toEqual([]);
});

test("other callers' entries of the team do not wait for a batch that was put off", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const failing = recordBatch(queue, [newEntry(team, "poison"), newEntry(team, "behind")]);
  const alone = outcome(queue.record(newEntry(team, "alone"), never));
  const others = recordBatch(queue, [newEntry(team, "other"), newEntry(team, "another")]);
  const answers = await serve(log, Promise.all([failing, alone, others]), (next) => {
    if (has(next, "poison")) next.fail(new RangeError("a head that contradicts itself"));
    else next.commit();
  });
  expect(answers).toEqual([["INTERNAL", "INTERNAL, again"], 1n, [2n, 3n]]);
});
