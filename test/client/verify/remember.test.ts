import { describe, expect, test } from "vitest";
import { volatileMemory } from "../../../src/client/checkpoint-memory.ts";
import type { CheckpointMemory } from "../../../src/client/verify/memory.ts";
import type { ProveConsistency } from "../../../src/client/verify/verifier.ts";
import { formatVerifierKey } from "../../../src/log/note.ts";
import { makeSigningKey } from "../../../src/log/signing-key.ts";
import { refusal, SignedLog, signedLog } from "./signed-log.ts";

/** A reader of a log with a memory, and the proofs that it asks for. */
function reader(log: SignedLog, memory = volatileMemory()) {
  const verifier = log.verifier({ memory });
  const asked: [bigint, bigint][] = [];
  const proveBy =
    (server: SignedLog): ProveConsistency =>
    async (from, to) => {
      asked.push([from, to]);
      return server.consistency(from, to);
    };
  return {
    memory,
    asked,
    /** Sees the checkpoint of a server, which proves as it can, unless something else does. */
    see: async (server: SignedLog, size = server.size, prove = proveBy(server)) => {
      const checkpoint = await verifier.verifyCheckpoint(server.note(size), server.teamId);
      return verifier.remember(checkpoint, prove);
    },
    remembered: () => memory.get(`audit.example.com/${log.teamId}`),
  };
}

/** Another log of the same team and key: the same at first, and then not. */
function forkOf(log: SignedLog, common: number, size: number): SignedLog {
  const fork = new SignedLog(log.key, log.team);
  fork.entries.push(...log.entries.slice(0, common));
  const rest = new SignedLog(log.key, log.team);
  for (let n = common; n < size; n++) fork.entries.push(rest.append());
  return fork;
}

const noProof: ProveConsistency = () => Promise.reject(new Error("must not be asked"));

describe("a remembered checkpoint", () => {
  test("is the first one seen, which nothing can be compared with", async () => {
    const log = signedLog(3);
    const { see, remembered } = reader(log);
    expect(await see(log, 3n, noProof)).toBeUndefined();
    expect(await remembered()).toBe(log.note(3n));
  });

  test("is followed by a larger one that is proved to begin with it", async () => {
    const log = signedLog(3);
    const { see, asked, remembered } = reader(log);
    await see(log);
    for (let n = 0; n < 5; n++) log.append();
    expect((await see(log))?.size).toBe(3n);
    expect(asked).toEqual([[3n, 8n]]);
    expect(await remembered()).toBe(log.note(8n));
  });

  test("of size 0 is followed by any, without a proof", async () => {
    const log = signedLog(0);
    const { see, remembered } = reader(log);
    await see(log, 0n, noProof);
    log.append();
    expect((await see(log, 1n, noProof))?.size).toBe(0n);
    expect(await remembered()).toBe(log.note(1n));
  });

  test("seen again is the same, without a proof", async () => {
    const log = signedLog(3);
    const { see } = reader(log);
    await see(log, 3n, noProof);
    expect((await see(log, 3n, noProof))?.size).toBe(3n);
  });

  test("stays when a smaller one comes that it begins with", async () => {
    const log = signedLog(9);
    const { see, asked, remembered } = reader(log);
    await see(log);
    expect((await see(log, 4n))?.size).toBe(9n);
    expect((await see(log, 0n))?.size).toBe(9n);
    expect(asked).toEqual([
      [4n, 9n],
      [9n, 9n],
    ]);
    expect(await remembered()).toBe(log.note(9n));
  });

  test("is of one team's log", async () => {
    const log = signedLog(3);
    const other = signedLog(2, log.key);
    const { see, memory } = reader(log);
    await see(log);
    expect(await see(other, 2n, noProof)).toBeUndefined();
    expect(await memory.get(`audit.example.com/${other.teamId}`)).toBe(other.note());
  });
});

describe("a conflict with the remembered checkpoint", () => {
  const log = signedLog(8);
  const fork = forkOf(log, 5, 12);
  const empty: ProveConsistency = async () => [];
  const none: ProveConsistency = async () => undefined;
  const shortened: ProveConsistency = async (from, to) => fork.consistency(from, to).slice(1);
  const malformed: ProveConsistency = async (from, to) =>
    fork.consistency(from, to).map((hash) => hash.subarray(1));

  test.each<[string, SignedLog, bigint, ProveConsistency | undefined, string]>([
    ["of the same size", fork, 8n, noProof, "forked"],
    ["that is larger, and its proof leads elsewhere", fork, 12n, undefined, "inconsistent"],
    ["that is larger, and its proof is empty", fork, 12n, empty, "inconsistent"],
    ["that is larger, and its proof is short", fork, 12n, shortened, "inconsistent"],
    ["that is larger, and its proof is malformed", fork, 12n, malformed, "inconsistent"],
    ["that is larger, and there is no proof", fork, 12n, none, "inconsistent"],
    ["that is smaller, and its proof leads elsewhere", fork, 7n, undefined, "rolled_back"],
    ["that is smaller, and there is no proof", fork, 7n, none, "rolled_back"],
    ["that is smaller, of the same log, and there is no proof", log, 5n, none, "rolled_back"],
    ["of the empty log, and there is no proof", log, 0n, none, "rolled_back"],
  ])("by one %s, comes with both as evidence", async (_, server, size, prove, expected) => {
    const { see, remembered } = reader(log);
    await see(log);
    const error = await refusal(() => see(server, size, prove));
    expect(error.fault).toBe(expected);
    expect(error.evidence).toEqual({ first: log.note(), second: server.note(size) });
    expect(await remembered()).toBe(log.note());
  });

  test("is none when there was no answer, and nothing is remembered", async () => {
    const { see, remembered } = reader(log);
    await see(log, 5n);
    const lost = new Error("connection lost");
    await expect(see(log, 8n, () => Promise.reject(lost))).rejects.toBe(lost);
    expect(await remembered()).toBe(log.note(5n));
    await see(log, 8n);
    await expect(see(log, 5n, () => Promise.reject(lost))).rejects.toBe(lost);
    expect(await remembered()).toBe(log.note(8n));
  });
});

describe("a memory", () => {
  const log = signedLog(8);

  test("that others write to is looked at again, so that no fork slips in between", async () => {
    const memory = volatileMemory();
    const fork = forkOf(log, 5, 8);
    const [one, two] = [reader(log, memory), reader(log, memory)];
    await one.see(log, 4n);
    const error = await refusal(() =>
      one.see(fork, 8n, async (from, to) => {
        if (from === 4n) await two.see(log, 6n);
        return fork.consistency(from, to);
      }),
    );
    expect(error.fault).toBe("inconsistent");
    expect(error.evidence).toEqual({ first: log.note(6n), second: fork.note(8n) });
    expect(await one.remembered()).toBe(log.note(6n));
  });

  test("keeps the larger of two checkpoints that are remembered at once", async () => {
    const { see, remembered } = reader(log);
    const sizes = [3n, 8n, 1n, 5n, 7n, 8n, 2n];
    await Promise.all(sizes.map((size) => see(log, size)));
    expect(await remembered()).toBe(log.note(8n));
  });

  test("that never lets itself be written is given up", async () => {
    const never: CheckpointMemory = { get: async () => undefined, replace: async () => false };
    const error = await refusal(() => reader(log, never).see(log));
    expect(error.fault).toBe("memory_unusable");
  });

  test("whose own failure is no fault of the log", async () => {
    const full = new Error("no space left");
    const failing = { get: async () => undefined, replace: () => Promise.reject(full) };
    await expect(reader(log, failing).see(log)).rejects.toBe(full);
  });

  test.each([
    ["nonsense", "nonsense"],
    ["another team's checkpoint", signedLog(2, log.key).note()],
    ["what an unknown key has signed", log.note(4n, makeSigningKey("audit.example.com"))],
    ["what was changed", log.note(4n).replace("\n4\n", "\n3\n")],
  ])("that holds %s is not overwritten", async (_, note) => {
    const memory = volatileMemory();
    await memory.replace(`audit.example.com/${log.teamId}`, undefined, note);
    const { see, remembered } = reader(log, memory);
    expect((await refusal(() => see(log, 8n, noProof))).fault).toBe("memory_unusable");
    expect(await remembered()).toBe(note);
  });

  test("goes on with a new key as long as the old one is known", async () => {
    const key = makeSigningKey("audit.example.com");
    const keys = [log.verifierKey, formatVerifierKey(key.verifier)];
    const memory = volatileMemory();
    await reader(log, memory).see(log, 4n);
    const verifier = log.verifier({ keys, memory });
    const rotated = await verifier.verifyCheckpoint(log.note(8n, key), log.teamId);
    const prove: ProveConsistency = async (from, to) => log.consistency(from, to);
    expect((await verifier.remember(rotated, prove))?.size).toBe(4n);
    const withoutOld = log.verifier({ keys: keys.slice(1), memory });
    expect((await withoutOld.remember(rotated, noProof))?.size).toBe(8n);
  });
});
