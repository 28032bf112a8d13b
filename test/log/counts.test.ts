import fc from "fast-check";
import { expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import {
  type Counts,
  countStride,
  countsFrom,
  kindIndex,
  kinds,
  kindsPassing,
  noCounts,
} from "../../src/log/counts.ts";
import { actorTypes, type NewEntry, scopes, statuses } from "../../src/log/entry.ts";
import { extendLogs, type LogEnd } from "../../src/log/extend.ts";
import { type Conditions, matches, noConditions } from "../../src/log/filter.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";

const arbitraryKind = fc.constantFrom(...kinds);

function countNaively(entries: readonly Pick<NewEntry, "status" | "scope">[]): Counts {
  return kinds.map(
    ({ status, scope }) =>
      entries.filter((entry) => entry.status === status && entry.scope === scope).length,
  );
}

test("the order of the counts is that of the stored ones, and every kind has one place", () => {
  // As in migrations/0004_counts.sql: what is stored must go on being understood.
  expect(kinds.map(({ status, scope }) => `${status} ${scope}`)).toEqual([
    "success team",
    "success admin",
    "info team",
    "info admin",
    "warning team",
    "warning admin",
    "error team",
    "error admin",
  ]);
  expect(kinds.map(kindIndex)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("whatever the batches, a log's counts and the sums on the way are those of its entries", () => {
  const batch = fc.array(fc.tuple(fc.nat({ max: 1 }), arbitraryKind), { maxLength: 150 });
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) => {
      const teams = [newTeam(), newTeam()] as const;
      const logs = new Map<TeamId, LogEnd & { counts: number[] }>(
        teams.map((team) => [
          team,
          { lastRecordTime: undefined, frontier: new Frontier(sha256), counts: [...noCounts] },
        ]),
      );
      const all: NewEntry[] = [];
      const sums: [TeamId, bigint, number, Counts][] = [];
      for (const [i, kindsOfBatch] of batches.entries()) {
        const entries = kindsOfBatch.map(([team, kind]) => ({
          ...newEntry(teams[team] ?? teams[0]),
          ...kind,
        }));
        const { ends, countedTo } = extendLogs(entries, logs, [], i);
        all.push(...entries);
        for (const { teamId, size, recordTime, counts } of countedTo) {
          sums.push([teamId, size, recordTime, counts]);
        }
        for (const [teamId, { counts }] of ends) {
          expect(counts).toEqual(countNaively(all.filter((entry) => entry.teamId === teamId)));
        }
      }
      for (const team of teams) {
        const own = all.filter((entry) => entry.teamId === team);
        const ofTeam = sums.filter(([teamId]) => teamId === team);
        expect(ofTeam.length).toBe(Math.floor(own.length / countStride));
        for (const [i, [, size, recordTime, counts]] of ofTeam.entries()) {
          expect(size).toBe(BigInt((i + 1) * countStride));
          expect(counts).toEqual(countNaively(own.slice(0, Number(size))));
          expect(recordTime).toBe(
            batches.findIndex(
              (_, at) =>
                batches
                  .slice(0, at + 1)
                  .flat()
                  .filter(([n]) => teams[n] === team).length >= size,
            ),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a log whose counts are not known is appended to, and stays uncounted", () => {
  const teamId = newTeam();
  const logs = new Map([[teamId, { lastRecordTime: undefined, frontier: new Frontier(sha256) }]]);
  const entries = Array.from({ length: countStride + 1 }, () => newEntry(teamId));
  const { appended, ends, countedTo } = extendLogs(entries, logs, [], 0);
  expect(appended.length).toBe(entries.length);
  expect(ends.get(teamId)?.counts).toBeUndefined();
  expect(countedTo).toEqual([]);
});

test("stored counts are of use only if they add up to the log's size", () => {
  expect(countsFrom(6n, ["1", "0", "2", "0", "0", "3", "0", "0"])).toEqual([
    1, 0, 2, 0, 0, 3, 0, 0,
  ]);
  expect(countsFrom(7n, ["1", "0", "2", "0", "0", "3", "0", "0"])).toBeUndefined();
  expect(countsFrom(6n, ["1", "0", "2", "0", "0", "3"])).toBeUndefined();
});

test("counts suffice for filters of time, status and scope, and for no others", () => {
  const values = <T>(words: readonly T[]) => fc.subarray([...words]);
  const conditions: fc.Arbitrary<Conditions> = fc.record({
    resourceTypes: fc.constant([]),
    resourceIds: fc.constant([]),
    actions: fc.constant([]),
    actorIds: fc.constant([]),
    actorTypes: fc.constant([]),
    requestIds: fc.constant([]),
    scopes: values(scopes),
    statuses: values(statuses),
  });
  const other = fc.constantFrom<Partial<Conditions>>(
    { resourceTypes: ["disk"] },
    { resourceIds: ["a"] },
    { actions: ["create"] },
    { actorIds: ["ada"] },
    { actorTypes: [actorTypes[0]] },
    { requestIds: ["r"] },
    { occurTime: { from: 0 } },
  );
  fc.assert(
    fc.property(
      conditions,
      conditions,
      fc.option(fc.constant(["team" as const]), { nil: undefined }),
      other,
      (include, exclude, visible, more) => {
        const filter = { include, exclude, ...(visible === undefined ? {} : { visible }) };
        const entryOf = (kind: (typeof kinds)[number]) => ({
          ...newEntry(newTeam()),
          ...kind,
          sequence: 1n,
          recordTime: 0,
          detailsState: "none" as const,
          detailsDigest: new Uint8Array(32),
          leafHash: new Uint8Array(32),
        });
        expect(kindsPassing(filter)).toEqual(
          kinds.filter((kind) => matches(filter, entryOf(kind))),
        );
        const timed = { ...filter, include: { ...include, recordTime: { from: 5 } } };
        expect(kindsPassing(timed)).toEqual(kindsPassing(filter));
        expect(kindsPassing({ ...filter, include: { ...include, ...more } })).toBeUndefined();
        expect(kindsPassing({ ...filter, exclude: { ...exclude, ...more } })).toBeUndefined();
      },
    ),
  );
  expect(kindsPassing({ include: noConditions, exclude: noConditions })).toEqual(kinds);
});
