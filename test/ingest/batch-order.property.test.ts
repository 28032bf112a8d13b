import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AuditError } from "../../src/errors.ts";
import type { TeamId } from "../../src/ids.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { databaseError, FakeLog, type FakeTransaction, groupCommitOver } from "./fake-log.ts";

const never = new AbortController().signal;
const notTheCallers = Object.assign(databaseError("23514"), { table: "audit_log_tiles" });
const refusal = new AuditError("LOG_CONTRADICTS_CHECKPOINT", "rolled back");

/** An entry to come, and how often the database fails on it; -1: it is invalid. */
const planned = fc.record({
  team: fc.nat(1),
  bytes: fc.integer({ min: 50, max: 900 }),
  failures: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) },
    { weight: 1, arbitrary: fc.constant(-1) },
  ),
});
const whole = fc.constantFrom("commit", "commit", "commit", "lost", "refused");

test.each([{ inOneGo: false }, { inOneGo: true }])(
  "a caller that sends again what is put off has its entries in order, whatever fails: %o",
  async ({ inOneGo }) => {
    let behind = 0;
    const plan = {
      entries: fc.array(planned, { minLength: 1, maxLength: 40 }),
      transactions: fc.array(whole, { maxLength: 30 }),
      transactionEntries: fc.integer({ min: 1, max: 12 }),
      batchEntries: fc.integer({ min: 1, max: 20 }),
      turns: fc.array(fc.nat(2), { minLength: 1, maxLength: 10 }),
    };
    await fc.assert(
      fc.asyncProperty(fc.record(plan), async (given) => {
        const teams = [newTeam(), newTeam()] as const;
        const failures = new Map<string, number>();
        const sent = given.entries.map(({ team, bytes, failures: count }) => {
          const entry = { ...newEntry(teams[team === 0 ? 0 : 1]), bytes };
          failures.set(entry.id, count);
          return entry;
        });
        const log = new FakeLog({ inOneGo });
        const limits = { queueBytes: 6_000, transactionEntries: given.transactionEntries };
        const queue = groupCommitOver(log.append, { limits });
        const outcomes = given.transactions.values();
        const end = (next: FakeTransaction) => {
          const bad = next.entries.find(({ id }) => failures.get(id) !== 0);
          const count = failures.get(bad?.id ?? "");
          const outcome = outcomes.next().value;
          if (outcome === "lost") next.fail(databaseError("40P01"));
          else if (outcome === "refused")
            next.commit([], new Map(teams.map((team) => [team, refusal])));
          else if (bad === undefined || count === undefined) next.commit();
          else if (count < 0) next.fail(databaseError("22021"));
          else {
            // Found once it is alone; until then its neighbours are parted from it.
            if (next.entries.length === 1) failures.set(bad.id, count - 1);
            next.fail(notTheCallers);
          }
        };
        let ended = 0;
        for (let waiting: NewEntry[] = sent; waiting.length > 0; ) {
          const batch = waiting.slice(0, given.batchEntries);
          const record = queue.inOrder(never);
          const calls = Promise.all(batch.map((entry) => isPutOff(record(entry))));
          for (;;) {
            const next = await Promise.race([log.next(), calls.then(() => undefined)]);
            if (next === undefined) break;
            // Long enough, now and then, for another to be sent behind it.
            for (let turns = given.turns[ended++ % given.turns.length] ?? 0; turns > 0; turns--) {
              await turn();
            }
            if (next.isBehind) behind += 1;
            end(next);
          }
          const putOff = await calls;
          waiting = [...batch.filter((_, i) => putOff[i]), ...waiting.slice(batch.length)];
        }
        for (const team of teams) {
          const sound = sent.filter(({ id }) => failures.get(id) !== -1);
          expect(idsOf(log.committed, team)).toEqual(idsOf(sound, team));
        }
      }),
    );
    expect(behind > 20).toBe(inOneGo);
  },
);

/** Whether the caller is to send the entry again. */
async function isPutOff(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => false,
    ({ reason }: AuditError) => reason !== "INVALID_FIELD",
  );
}

function idsOf(entries: readonly NewEntry[], team: TeamId): string[] {
  return entries.filter(({ teamId }) => teamId === team).map(({ id }) => id);
}
