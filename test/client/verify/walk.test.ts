import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import type { LogWalk } from "../../../src/client/verify/walk.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { newId } from "../../support/server.ts";
import { patched, refusal, type SignedLog, signedLog } from "./signed-log.ts";

/** Adds the entries after the walk's place, those for which it says so as hashes alone. */
function walkOn(
  walk: LogWalk,
  log: SignedLog,
  { to = log.size, isWithheld = () => false }: WalkOptions = {},
): LogWalk {
  for (const entry of log.entries.slice(Number(walk.size), Number(to))) {
    if (isWithheld(entry)) walk.addWithheld(entry);
    else walk.addEntry(entry);
  }
  return walk;
}

interface WalkOptions {
  readonly to?: bigint;
  readonly isWithheld?: (entry: AuditEntry) => boolean;
}

const walkOver = (log: SignedLog, options?: WalkOptions) =>
  walkOn(log.verifier({ sha256 }).walk(log.teamId), log, options);
const fault = async (call: () => unknown) => {
  const { fault: name, sequence } = await refusal(call);
  return sequence === undefined ? name : `${name} ${sequence}`;
};

describe("a walk", () => {
  test("over every entry of a log ends at its checkpoint", async () => {
    for (const size of [0, 1, 2, 3, 255, 256, 257]) {
      const log = signedLog(size);
      const { state, ...counts } = walkOver(log).finish(await log.checkpoint());
      expect(counts).toEqual({ opened: size, erased: 0, withheld: 0 });
      expect(state.size).toBe(BigInt(size));
    }
  });

  test("needs no more than the hashes of positions that are withheld", async () => {
    const log = signedLog(100);
    const isWithheld = ({ sequence }: AuditEntry) => sequence % 3n === 0n;
    const report = walkOver(log, { isWithheld }).finish(await log.checkpoint());
    expect(report).toMatchObject({ opened: 67, withheld: 33, erased: 0 });
  });

  test("hashes with what it is given, or with @noble/hashes", async () => {
    const log = signedLog(20);
    const walk = walkOn(log.verifier().walk(log.teamId), log);
    expect(Buffer.from(walk.root)).toEqual(Buffer.from(log.root()));
    expect(walk.finish(await log.checkpoint()).opened).toBe(20);
  });

  test("may stop at a checkpoint, and go on to a later one", async () => {
    const log = signedLog(10);
    const walk = walkOver(log, { to: 4n });
    expect(walk.finish(await log.checkpoint(4n)).opened).toBe(4);
    expect(walkOn(walk, log).finish(await log.checkpoint()).opened).toBe(10);
  });

  test("goes on from the end of another", async () => {
    const log = signedLog(1);
    let { state } = walkOver(log).finish(await log.checkpoint());
    for (let size = 2; size < 20; size++) {
      log.append();
      const walk = log.verifier({ sha256 }).walk(log.teamId, state);
      const report = walkOn(walk, log).finish(await log.checkpoint());
      expect(report).toMatchObject({ opened: 1, state: { size: BigInt(size) } });
      state = report.state;
    }
  });

  test("tells where it stood, whatever it has walked since", async () => {
    const log = signedLog(6);
    const walk = walkOver(log, { to: 3n });
    const { state } = walk.finish(await log.checkpoint(3n));
    walkOn(walk, log);
    const again = log.verifier({ sha256 }).walk(log.teamId, state);
    expect(walkOn(again, log).finish(await log.checkpoint()).opened).toBe(3);
  });

  test("goes on from what the server says was before, in a log that no longer has it", async () => {
    const log = signedLog(40);
    const checkpoint = await log.checkpoint();
    for (let size = 1n; size < 40n; size++) {
      const hashes = log.inclusion(size + 1n, size + 1n).hashes.toReversed();
      const start = (frontier: readonly Uint8Array[]) =>
        log.verifier({ sha256 }).walk(log.teamId, { size, hashes: frontier });
      const { opened } = walkOn(start(hashes), log).finish(checkpoint);
      expect(opened).toBe(40 - Number(size));
      const wrong = hashes.with(0, sha256(hashes[0] ?? new Uint8Array()));
      expect(await fault(() => walkOn(start(wrong), log).finish(checkpoint))).toBe("root_mismatch");
      const short = () => start(hashes.slice(1));
      expect(await fault(short)).toBe("hash_malformed");
      const long = () => start(hashes.with(0, new Uint8Array(33)));
      expect(await fault(long)).toBe("hash_malformed");
    }
  });
});

describe("a walk is refused", () => {
  const log = signedLog(9);
  const other = signedLog(9);
  const others = (sequence: bigint) => patched(other.entry(sequence), { teamId: log.teamId });
  const isLast = ({ sequence }: AuditEntry) => sequence === log.size;
  const edited = patched(log.entry(5n), { action: "delete" });

  test.each<[string, (entries: AuditEntry[]) => AuditEntry[], string]>([
    ["that begins late", (all) => all.slice(2), "sequence_gap 1"],
    ["in which one is missing", (all) => all.toSpliced(3, 1), "sequence_gap 4"],
    ["in which two are missing", (all) => all.toSpliced(3, 2), "sequence_gap 4"],
    ["in which two are swapped", (all) => all.with(3, log.entry(5n)), "sequence_gap 4"],
    ["in which one comes twice", (all) => all.with(4, log.entry(4n)), "sequence_repeated 4"],
    ["that begins again", (all) => [...all, log.entry(1n)], "sequence_repeated 1"],
    ["whose end is missing", (all) => all.slice(0, -1), "size_mismatch"],
    ["of more than the checkpoint's", (all) => [...all, tenth()], "size_mismatch"],
    ["in which one is edited", (all) => all.with(4, edited), "leaf_mismatch 5"],
    ["in which one is another's", (all) => all.with(4, other.entry(5n)), "wrong_team 5"],
    ["in which one is another's by name", (all) => all.with(4, others(5n)), "leaf_mismatch 5"],
    [
      "of the sequence 0",
      (all) => [patched(log.entry(1n), { sequence: 0n }), ...all],
      "sequence_repeated 0",
    ],
  ])("%s", async (_, change, expected) => {
    const checkpoint = await log.checkpoint(9n);
    const walk = log.verifier({ sha256 }).walk(log.teamId);
    const run = () => {
      for (const entry of change(log.entries.slice(0, 9))) walk.addEntry(entry);
      walk.finish(checkpoint);
    };
    expect(await fault(run)).toBe(expected);
  });

  function tenth(): AuditEntry {
    return patched(log.entry(1n), { sequence: 10n });
  }

  test("whose entries are all right, but not those that were signed for", async () => {
    const fork = signedLog(9, log.key);
    const checkpoint = await fork.checkpoint();
    const walk = walkOver(log);
    expect(await fault(() => walk.finish({ ...checkpoint, teamId: log.teamId }))).toBe(
      "root_mismatch",
    );
    expect(await fault(() => walk.finish(checkpoint))).toBe("wrong_origin");
  });

  test("in which a withheld position has another hash, or none", async () => {
    const checkpoint = await log.checkpoint();
    const walk = walkOver(log, { to: 8n });
    const short = { sequence: 9n, leafHash: new Uint8Array(31) };
    expect(await fault(() => walk.addWithheld(short))).toBe("hash_malformed");
    expect(await fault(() => walk.addWithheld({ ...short, sequence: 10n }))).toBe("sequence_gap 9");
    expect(await fault(() => walk.addWithheld({ ...short, sequence: 8n }))).toBe(
      "sequence_repeated 8",
    );
    walk.addWithheld({ sequence: 9n, leafHash: sha256() });
    expect(await fault(() => walk.finish(checkpoint))).toBe("root_mismatch");
  });

  test("and stays where it was, so that the right entry can still come", async () => {
    const walk = walkOver(log, { to: 4n });
    for (const wrong of [edited, log.entry(6n), log.entry(4n), other.entry(5n)]) {
      await refusal(() => walk.addEntry(wrong));
      expect(walk.size).toBe(4n);
    }
    expect(walkOn(walk, log, { isWithheld: isLast }).finish(await log.checkpoint())).toMatchObject({
      opened: 8,
      withheld: 1,
    });
  });

  test("whatever is moved or exchanged in it, leaf hashes made to come in order", async () => {
    const checkpoint = await log.checkpoint();
    const leaves = log.entries.map(({ leafHash }) => leafHash);
    const position = fc.nat(8);
    await fc.assert(
      fc.asyncProperty(position, position, fc.boolean(), async (from, to, isExchange) => {
        const [taken = sha256()] = leaves.slice(from, from + 1);
        const put = isExchange ? other.entry(BigInt(from) + 1n).leafHash : taken;
        const moved = leaves.toSpliced(from, 1).toSpliced(to, 0, put);
        const walk = log.verifier({ sha256 }).walk(log.teamId);
        for (const leafHash of moved) walk.addWithheld({ sequence: walk.size + 1n, leafHash });
        if (from === to && !isExchange) expect(walk.finish(checkpoint).withheld).toBe(9);
        else expect(await fault(() => walk.finish(checkpoint))).toBe("root_mismatch");
      }),
    );
  });
});

test("a walk over another team's log is refused at its first entry", async () => {
  const log = signedLog(1);
  const walk = log.verifier().walk(newId("team"));
  expect(await fault(() => walk.addEntry(log.entry(1n)))).toBe("wrong_team 1");
});
