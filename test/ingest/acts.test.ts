import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Acts } from "../../src/ingest/acts.ts";
import { actLimits } from "../../src/limits.ts";
import { LogInDoubt } from "../../src/store/append.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { databaseError, FakeLog } from "./fake-log.ts";

const nothing = async () => undefined;
const never = new AbortController().signal;

function actsOver(log: FakeLog): Acts {
  return new Acts({ append: log.append, onAppended: () => undefined });
}

test("few acts run at a time, in the order in which they came; beyond a bound they are refused", async () => {
  const log = new FakeLog();
  const acts = actsOver(log);
  const entries = Array.from({ length: actLimits.running + actLimits.waiting }, () =>
    newEntry(newTeam()),
  );
  const runs = entries.map((entry) => acts.run(entry, nothing, never));
  await expect(acts.run(newEntry(newTeam()), nothing, never)).rejects.toMatchObject({
    reason: "QUEUE_FULL",
    metadata: { limit: "own_acts" },
    retryDelayMs: 1_000,
  });
  for (let i = 0; i < entries.length; i++) {
    const transaction = await log.next();
    await turn();
    expect(log.inFlight.size).toBeLessThanOrEqual(actLimits.running);
    transaction.commit();
  }
  await Promise.all(runs);
  expect(log.committed.map(({ id }) => id)).toEqual(entries.map(({ id }) => id));
});

test("an act that fails makes room for the next, and a held head is worth another try", async () => {
  const log = new FakeLog();
  const acts = actsOver(log);
  const runs = Array.from({ length: 3 }, () => acts.run(newEntry(newTeam()), nothing, never));
  const outcomes = Promise.allSettled(runs);
  (await log.next()).fail(databaseError("55P03"));
  (await log.next()).fail(new Error("the act itself"));
  (await log.next()).commit();
  const [held, broken, done] = await outcomes;
  expect(held).toMatchObject({ reason: { reason: "DATABASE_UNAVAILABLE" } });
  expect(broken).toMatchObject({ reason: { message: "the act itself" } });
  expect(done?.status).toBe("fulfilled");
});

test("an act whose call has ended by its turn is not done", async () => {
  const log = new FakeLog();
  const acts = actsOver(log);
  const runs = Array.from({ length: actLimits.running }, () =>
    acts.run(newEntry(newTeam()), nothing, never),
  );
  const call = new AbortController();
  const late = acts.run(newEntry(newTeam()), nothing, call.signal);
  const after = acts.run(newEntry(newTeam()), nothing, never);
  call.abort(new Error("the caller has left"));
  const outcome = expect(late).rejects.toThrow("the caller has left");
  for (const _ of runs) (await log.next()).commit();
  (await log.next()).commit();
  await Promise.all([...runs, after, outcome]);
  expect(log.transactions).toHaveLength(actLimits.running + 1);
});

test("an act on a log that is in doubt is worth another try", async () => {
  const log = new FakeLog();
  const run = actsOver(log).run(newEntry(newTeam()), nothing, never);
  (await log.next()).fail(new LogInDoubt("in doubt"));
  await expect(run).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE", retryDelayMs: 1_000 });
});
