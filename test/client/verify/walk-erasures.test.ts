import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import type { NewEntry } from "../../../src/log/entry.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { erasure, refusal, type SignedLog, signedLog } from "./signed-log.ts";

function walkOver(log: SignedLog, isWithheld: (entry: AuditEntry) => boolean = () => false) {
  const walk = log.verifier({ sha256 }).walk(log.teamId);
  for (const entry of log.entries) {
    if (isWithheld(entry)) walk.addWithheld(entry);
    else walk.addEntry(entry);
  }
  return walk;
}

/** The first erased entry that a walk over the whole log finds unexplained. */
async function unexplained(log: SignedLog, isWithheld?: (entry: AuditEntry) => boolean) {
  const checkpoint = await log.checkpoint();
  const walk = walkOver(log, isWithheld);
  const { fault, sequence } = await refusal(() => walk.finish(checkpoint));
  expect([fault, sequence]).toEqual(["erasure_unexplained", walk.unexplained]);
  return sequence;
}

describe("an entry whose details are gone", () => {
  test("is explained by a later entry that says so", async () => {
    const log = signedLog(12);
    log.erase(3n);
    log.append();
    log.erase(1n, 5n, 6n, 7n, 12n);
    log.erase(14n);
    const walk = walkOver(log);
    expect(walk.unexplained).toBeUndefined();
    const report = walk.finish(await log.checkpoint());
    expect(report).toMatchObject({ opened: 16, erased: 7, withheld: 0 });
  });

  test("is a fault without such an entry, and the first one is named", async () => {
    const log = signedLog(12);
    log.erase(3n, 4n);
    log.strip(4n, 9n, 7n);
    expect(await unexplained(log)).toBe(7n);
  });

  test("is a fault with only an earlier such entry", async () => {
    const log = signedLog(4);
    log.erase(2n);
    log.append(erasure("7"));
    log.append();
    log.strip(7n);
    expect(await unexplained(log)).toBe(7n);
  });

  const says = (...sequences: string[]) => erasure(...sequences);
  test.each<[string, Partial<NewEntry>]>([
    ["that another than Annals recorded", { ...says("2"), recorder: { type: "user", id: "u" } }],
    ["of another action", { ...says("2"), action: "erase" }],
    ["that names another", says("3")],
    ["that names those around it", says("1", "3-4")],
    ["that names itself too", says("2", "5")],
    ["that names later ones too", says("2-9")],
    ["that names all that could ever be", says("1-9223372036854775807")],
    ["that names them out of order", says("3", "2")],
    ["that names them twice", says("2", "2-3")],
    ["that names them backwards", says("3-2")],
    ["that names them with zeros before", says("02")],
    ["that names none", says()],
    ["that names them as numbers", { ...says(), details: { metadata: { sequences: [2] } } }],
    ["that names them as text", { ...says(), details: { metadata: { sequences: "2" } } }],
    ["without metadata", { ...says(), details: {} }],
  ])("is not explained by an entry %s", async (_, entry) => {
    const log = signedLog(4);
    log.strip(2n);
    log.append(entry);
    expect(await unexplained(log)).toBe(2n);
  });

  test("is not explained by an entry of which only the hash is given", async () => {
    const log = signedLog(4);
    const { sequence } = log.erase(2n);
    expect(await unexplained(log, (entry) => entry.sequence === sequence)).toBe(2n);
  });

  test("is not explained by an entry whose own details are gone, which is named too", async () => {
    const log = signedLog(4);
    const { sequence } = log.erase(2n);
    log.erase(sequence);
    expect(await unexplained(log)).toBe(2n);
  });

  test("is nothing to a walk that only gets its hash", async () => {
    const log = signedLog(4);
    log.strip(2n);
    const walk = walkOver(log, ({ sequence }) => sequence === 2n);
    expect(walk.finish(await log.checkpoint())).toMatchObject({ erased: 0, withheld: 1 });
  });
});

describe("a walk over a live log", () => {
  test("may read an entry before it is erased, and then the entry that says it was", async () => {
    const log = signedLog(5);
    const before = log.entry(2n);
    log.erase(2n);
    const walk = log.verifier({ sha256 }).walk(log.teamId);
    for (const entry of log.entries.with(1, before)) walk.addEntry(entry);
    expect(walk.finish(await log.checkpoint())).toMatchObject({ opened: 6, erased: 0 });
  });

  test("finds behind its checkpoint why an entry was erased while it read", async () => {
    const log = signedLog(5);
    const checkpoint = await log.checkpoint();
    log.erase(2n);
    const walk = log.verifier({ sha256 }).walk(log.teamId);
    for (const entry of log.entries.slice(0, 5)) walk.addEntry(entry);
    const { fault } = await refusal(() => walk.finish(checkpoint));
    expect([fault, walk.unexplained]).toEqual(["erasure_unexplained", 2n]);
    walk.addEntry(log.entry(6n));
    expect(walk.unexplained).toBeUndefined();
    expect(walk.finish(await log.checkpoint())).toMatchObject({ opened: 6, erased: 1 });
  });

  test("takes what is behind the checkpoint for no explanation until it is signed", async () => {
    const log = signedLog(5);
    const checkpoint = await log.checkpoint();
    log.erase(2n);
    const walk = walkOver(log);
    expect((await refusal(() => walk.finish(checkpoint))).fault).toBe("size_mismatch");
  });

  test("that goes on from another's end knows what that has explained", async () => {
    const log = signedLog(5);
    log.erase(2n);
    const { state } = walkOver(log).finish(await log.checkpoint());
    log.erase(3n, 4n);
    const walk = log.verifier({ sha256 }).walk(log.teamId, state);
    walk.addEntry(log.entry(7n));
    expect(walk.finish(await log.checkpoint())).toMatchObject({ opened: 1, erased: 0 });
  });
});
