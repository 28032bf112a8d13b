import { verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { formatVerifierKey, parseNote } from "../../src/log/note.ts";
import { equalBytes } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { makeSigningKey } from "../../src/log/signing-key.ts";
import { type CheckpointStore, CheckpointStoreError } from "../../src/proof/checkpoint-store.ts";
import { newTeam } from "../support/new-entry.ts";
import {
  contentOf,
  createNotaryFixture,
  expectOneLog,
  type NotaryFixture,
} from "./notary-fixture.ts";

/** SHA-256 of nothing, as RFC 6962 has it for the empty tree. */
const emptyRoot = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const never = new AbortController().signal;
let fixture: NotaryFixture;
beforeAll(async () => {
  fixture = await createNotaryFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** The refusal of a log that had `signed` entries when it was signed and has `size` now. */
const contradicts = (signed: number, size: number) =>
  expect.objectContaining({
    reason: "LOG_CONTRADICTS_CHECKPOINT",
    metadata: { signed_size: String(signed), size: String(size) },
  });

describe("a checkpoint", () => {
  test("is the committed head, signed by the key, of the team's origin, and stored", async () => {
    const { notary } = fixture.replica();
    const teamId = newTeam();
    const frontier = new Frontier(sha256);
    for (const { leafHash } of await fixture.append(teamId, 300)) frontier.append(leafHash);
    const head = await notary.checkpoint(teamId, never);
    expect(contentOf(head)).toEqual({
      origin: `audit.example.com/team-${teamId}`,
      size: 300n,
      root: Buffer.from(frontier.root()).toString("hex"),
    });
    const { text, signatures } = parseNote(head.note);
    expect(signatures).toHaveLength(1);
    const signature = signatures[0]?.signature ?? Buffer.of();
    expect(verify(null, Buffer.from(text), fixture.key.privateKey, signature)).toBe(true);
    expect(notary.verifierKey).toBe(formatVerifierKey(fixture.key.verifier));
    expect((await fixture.store.get(teamId))?.note).toBe(head.note);
  });

  test("of a log without entries has size 0 and is not stored", async () => {
    const { notary } = fixture.replica();
    const teamId = newTeam();
    const head = await notary.checkpoint(teamId, never);
    expect(contentOf(head)).toMatchObject({ size: 0n, root: emptyRoot });
    expect(await fixture.store.get(teamId)).toBeUndefined();
  });

  test("is the same note while the log has not grown, also by another replica", async () => {
    const { notary, told } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 3);
    const head = await notary.checkpoint(teamId, never);
    expect(await notary.checkpoint(teamId, never)).toEqual(head);
    const other = fixture.replica();
    expect((await other.notary.checkpoint(teamId, never)).note).toBe(head.note);
    expect([told.signed, other.told.signed]).toEqual([1, 0]);
  });

  test("covers what was committed before it was asked for, though many ask at once", async () => {
    const { notary, told } = fixture.replica();
    const teamId = newTeam();
    const record = async () => {
      const [entry] = await fixture.append(teamId);
      const sequence = entry?.sequence ?? 0n;
      const [fresh, covering] = await Promise.all([
        notary.checkpoint(teamId, never),
        notary.checkpoint(teamId, never, sequence),
      ]);
      expect(fresh.size).toBeGreaterThanOrEqual(sequence);
      expect(covering.size).toBeGreaterThanOrEqual(sequence);
      return [fresh, covering];
    };
    const heads = (await Promise.all(Array.from({ length: 100 }, record))).flat();
    await expectOneLog(fixture, heads);
    // 200 calls, 100 sizes.
    expect(told.signed).toBeLessThanOrEqual(100);
    expect((await fixture.store.get(teamId))?.size).toBe(100n);
  });

  test("that many ask for at once is signed for all of them", async () => {
    const { notary, told } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    const calls = Array.from({ length: 100 }, () => notary.checkpoint(teamId, never, 5n));
    expect(new Set((await Promise.all(calls)).map(({ note }) => note)).size).toBe(1);
    expect(told.signed).toBe(1);
  });

  test("of one log by many replicas at once is never of two logs, nor refused", async () => {
    const replicas = Array.from({ length: 5 }, () => fixture.replica());
    const teamId = newTeam();
    const work = replicas.map(async ({ notary }) => {
      const heads = [];
      for (let i = 0; i < 25; i++) {
        const [entry] = await fixture.append(teamId);
        const head = await notary.checkpoint(teamId, never);
        expect(head.size).toBeGreaterThanOrEqual(entry?.sequence ?? 0n);
        heads.push(head);
      }
      return heads;
    });
    await expectOneLog(fixture, (await Promise.all(work)).flat());
    expect(await fixture.store.get(teamId)).toMatchObject({ size: 125n });
    for (const { told } of replicas) expect(told.conflicts).toBe(0);
  });

  test("is not refused for what others record and sign in the moment that the store is asked", async () => {
    const other = fixture.replica();
    const teamId = newTeam();
    const signMore = async () => {
      await fixture.append(teamId, 3);
      await other.notary.checkpoint(teamId, never);
    };
    await signMore();
    let atOnce = signMore;
    const meanwhile = async () => {
      const sign = atOnce;
      atOnce = async () => undefined;
      await sign();
    };
    const store: CheckpointStore = {
      ...breakableStore(fixture.store),
      get: async (team) => {
        await meanwhile();
        return fixture.store.get(team);
      },
      replace: async (...args) => {
        await meanwhile();
        return fixture.store.replace(...args);
      },
    };
    const { notary, told } = fixture.replica({ store });
    expect((await notary.checkpoint(teamId, never)).size).toBe(6n);
    await fixture.append(teamId, 1);
    // From now on it remembers, and is beaten to it when it replaces.
    atOnce = signMore;
    expect((await notary.checkpoint(teamId, never)).size).toBe(10n);
    expect(told.conflicts).toBe(0);
  });

  test("is signed anew by a new key of the same name", async () => {
    const teamId = newTeam();
    await fixture.append(teamId, 3);
    const old = await fixture.replica().notary.checkpoint(teamId, never);
    const key = makeSigningKey("audit.example.com");
    const { notary } = fixture.replica({ key });
    const head = await notary.checkpoint(teamId, never);
    expect(contentOf(head)).toEqual(contentOf(old));
    const keyId = parseNote(head.note).signatures[0]?.keyId ?? Buffer.of();
    expect(equalBytes(keyId, key.verifier.keyId)).toBe(true);
    expect((await fixture.store.get(teamId))?.note).toBe(head.note);
  });

  test("is not waited for beyond the call's end", async () => {
    const store = slowStore(fixture.store);
    const { notary } = fixture.replica({ store });
    const teamId = newTeam();
    await fixture.append(teamId);
    const call = new AbortController();
    const asked = notary.checkpoint(teamId, call.signal);
    call.abort(new Error("the caller has left"));
    await expect(asked).rejects.toThrow("the caller has left");
    await expect(notary.checkpoint(teamId, call.signal)).rejects.toThrow("the caller has left");
    store.goOn();
    expect((await notary.checkpoint(teamId, never)).size).toBe(1n);
  });
});

describe("a log that contradicts what was signed for it is refused", () => {
  /** A log of `size` entries that was signed then, after it had ended at 5. */
  async function signedLog(size: number): Promise<TeamId> {
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, size - 5);
    await fixture.replica().notary.checkpoint(teamId, never);
    return teamId;
  }
  const flip = "set_byte(frontier, 0, get_byte(frontier, 0) # 1)";

  test.each<[string, number, number, string, (teamId: TeamId) => Promise<unknown>]>([
    ["is shorter", 10, 5, "shorter", (teamId) => fixture.rollBack(teamId, 5)],
    ["is gone", 10, 0, "shorter", (teamId) => fixture.rollBack(teamId, 0)],
    [
      "has as many other entries",
      10,
      10,
      "rewritten",
      async (teamId) => {
        await fixture.rollBack(teamId, 5);
        await fixture.append(teamId, 5);
      },
    ],
    [
      "has grown past it with other entries",
      600,
      1_400,
      "rewritten",
      async (teamId) => {
        await fixture.rollBack(teamId, 5);
        for (let i = 0; i < 3; i++) await fixture.append(teamId, 465);
      },
    ],
    [
      "has a head that is not that of its entries",
      10,
      15,
      "damaged",
      async (teamId) => {
        await fixture.append(teamId, 5);
        await fixture.tamper(
          teamId,
          `UPDATE control_plane.audit_log_heads SET frontier = ${flip} WHERE team_id = $1`,
        );
      },
    ],
    [
      "has a frontier of another size",
      10,
      15,
      "damaged",
      async (teamId) => {
        await fixture.append(teamId, 5);
        await fixture.tamper(
          teamId,
          "UPDATE control_plane.audit_log_heads SET frontier = '' WHERE team_id = $1",
        );
      },
    ],
    [
      "lacks a tile",
      600,
      700,
      "rewritten",
      async (teamId) => {
        await fixture.append(teamId, 100);
        await fixture.tamper(
          teamId,
          "DELETE FROM control_plane.audit_log_tiles WHERE team_id = $1 AND tile_index = 1",
          "DELETE FROM control_plane.audit_logs WHERE team_id = $1 AND sequence = 300",
        );
      },
    ],
    [
      "has another leaf hash",
      10,
      15,
      "rewritten",
      async (teamId) => {
        await fixture.append(teamId, 5);
        await fixture.tamper(
          teamId,
          `UPDATE control_plane.audit_logs SET leaf_hash = sha256(leaf_hash)
           WHERE team_id = $1 AND sequence = 9`,
        );
      },
    ],
  ])("when it %s", async (_, signed, size, kind, attack) => {
    const teamId = await signedLog(signed);
    const before = await fixture.store.get(teamId);
    await attack(teamId);
    // One that had not seen the log, and one that finds out when it starts.
    const asked = fixture.replica();
    await expect(asked.notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(signed, size));
    expect(asked.notary.refusal(teamId)).toEqual(contradicts(signed, size));
    expect(asked.notary.judge(teamId, 1_000_000n)).toEqual(contradicts(signed, size));
    expect(asked.told).toMatchObject({ conflicts: 1, refused: 1, signed: 0 });
    const alarm = asked.told.logs.find(({ level }) => level === 50);
    expect(alarm).toMatchObject({
      teamId,
      kind,
      signedSize: String(signed),
      size: String(size),
      signedRoot: Buffer.from(before?.root ?? []).toString("base64"),
      origin: `audit.example.com/team-${teamId}`,
    });
    expect(await fixture.store.get(teamId)).toEqual(before);
    // Asked again, it is refused again, and the alarm is not repeated.
    await expect(asked.notary.checkpoint(teamId, never, 1n)).rejects.toEqual(
      contradicts(signed, size),
    );
    expect(asked.told).toMatchObject({ conflicts: 1, refused: 1 });
  });

  test("when it was never signed and its head is not that of its entries", async () => {
    const { notary } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 7);
    await fixture.tamper(
      teamId,
      `UPDATE control_plane.audit_log_heads SET frontier = ${flip} WHERE team_id = $1`,
    );
    await expect(notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(0, 7));
    expect(await fixture.store.get(teamId)).toBeUndefined();
  });

  test("also by the replica that had signed it and remembers", async () => {
    const { notary } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    expect((await notary.checkpoint(teamId, never)).size).toBe(10n);
    await fixture.rollBack(teamId, 5);
    await expect(notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(10, 5));
  });
});

describe("appends", () => {
  test("to a log that is shorter than what was signed wait until it has been compared", async () => {
    const { notary } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    expect(notary.judge(teamId, 10n)).toBe("append");
    await fixture.rollBack(teamId, 5);
    expect(notary.judge(teamId, 5n)).toBe("wait");
    await expect.poll(() => notary.judge(teamId, 5n)).toEqual(contradicts(10, 5));
    expect(notary.judge(newTeam(), 0n)).toBe("append");
  });

  test("go on where another process has accepted the rollback", async () => {
    const { notary, told } = fixture.replica();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    const signed = await notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    await accept(teamId);
    expect(notary.judge(teamId, 6n)).toBe("wait");
    await expect.poll(() => notary.judge(teamId, 6n)).toBe("append");
    // What it remembers of before is not given out any more.
    const head = await notary.checkpoint(teamId, never, 6n);
    expect(head.size).toBe(6n);
    expect(head.note).not.toBe(signed.note);
    expect(told.conflicts).toBe(0);
  });

  test("are refused though the store cannot be asked, by what the replica knows", async () => {
    const store = breakableStore(fixture.store);
    const { notary } = fixture.replica({ store });
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    store.broken = true;
    await fixture.rollBack(teamId, 5);
    expect(notary.judge(teamId, 5n)).toBe("wait");
    await expect.poll(() => notary.judge(teamId, 5n)).toEqual(contradicts(10, 5));
  });
});

describe("what another replica has signed", () => {
  test("is learnt, so that the log takes no append here either when it is shorter", async () => {
    const { notary } = fixture.replica({ recheckMs: 20 });
    await notary.start();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await fixture.replica().notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    await expect.poll(() => notary.judge(teamId, 5n)).toEqual(contradicts(10, 5));
  });

  test("and accepted as rolled back is learnt too", async () => {
    const { notary } = fixture.replica({ recheckMs: 20 });
    await notary.start();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    await accept(teamId);
    await expect.poll(() => notary.judge(teamId, 6n)).toBe("append");
    expect(notary.refusal(teamId)).toBeUndefined();
  });
});

describe("a store that has forgotten what was signed", () => {
  test("makes no rollback right: the log stays refused", async () => {
    const store = forgetfulStore(fixture.store);
    const { notary, told } = fixture.replica({ store, recheckMs: 20 });
    await notary.start();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    await expect(notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(10, 5));
    store.emptied = true;
    const { failed } = told;
    await expect.poll(() => told.failed).toBeGreaterThan(failed + 1);
    expect(notary.refusal(teamId)).toEqual(contradicts(10, 5));
    expect(told.logs.some(({ err }) => /has forgotten/.test(JSON.stringify(err)))).toBe(true);
  });

  test("is not signed into anew by a replica that knows better", async () => {
    const store = forgetfulStore(fixture.store);
    const { notary } = fixture.replica({ store });
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    store.emptied = true;
    await fixture.append(teamId, 5);
    const unavailable = { reason: "CHECKPOINT_UNAVAILABLE" };
    await expect(notary.checkpoint(teamId, never)).rejects.toMatchObject(unavailable);
    store.emptied = false;
    expect((await notary.checkpoint(teamId, never)).size).toBe(10n);
  });
});

describe("a refused log", () => {
  test("is compared again by and by, and taken up when it is what was signed", async () => {
    const { notary, told } = fixture.replica({ recheckMs: 20 });
    await notary.start();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    const { rows } = await fixture.pools.read.query(
      "SELECT frontier FROM control_plane.audit_log_heads WHERE team_id = $1",
      [teamId],
    );
    const first = `'\\x${rows[0].frontier.toString("hex")}'`;
    await notary.checkpoint(teamId, never);
    const set = (frontier: string) =>
      fixture.tamper(
        teamId,
        `UPDATE control_plane.audit_log_heads SET frontier = ${frontier} WHERE team_id = $1`,
      );
    await set("set_byte(frontier, 3, 0) || frontier");
    await expect(notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(5, 5));
    expect(told.refused).toBeGreaterThan(0);
    await set(first);
    await expect.poll(() => notary.refusal(teamId)).toBeUndefined();
    expect(notary.judge(teamId, 5n)).toBe("append");
    expect((await notary.checkpoint(teamId, never)).size).toBe(5n);
    expect(told.logs.some(({ msg }) => /no longer contradicts/.test(String(msg)))).toBe(true);
  });

  test("is taken up when its rollback was accepted", async () => {
    const { notary } = fixture.replica({ recheckMs: 20 });
    await notary.start();
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    await expect(notary.checkpoint(teamId, never)).rejects.toEqual(contradicts(10, 5));
    await accept(teamId);
    await expect.poll(() => notary.refusal(teamId)).toBeUndefined();
    await fixture.append(teamId, 2);
    expect((await notary.checkpoint(teamId, never)).size).toBe(8n);
  });
});

describe("comparing all logs", () => {
  test("at the start refuses those that were rolled back, and no others", async () => {
    await using own = await createNotaryFixture();
    const teams = Array.from({ length: 6 }, newTeam);
    const { notary } = own.replica();
    for (const teamId of teams) {
      await own.append(teamId, 5);
      await own.append(teamId, 5);
      await notary.checkpoint(teamId, never);
      await own.append(teamId, 5);
    }
    const [shorter = newTeam(), grown = newTeam(), ...sound] = teams;
    await own.rollBack(shorter, 5);
    await own.rollBack(grown, 5);
    await own.append(grown, 11);
    const next = own.replica();
    await next.notary.start();
    expect(next.notary.refusal(shorter)).toEqual(contradicts(10, 5));
    expect(next.notary.refusal(grown)).toEqual(contradicts(10, 16));
    for (const teamId of sound) expect(next.notary.refusal(teamId)).toBeUndefined();
    expect(next.told).toMatchObject({ conflicts: 2, refused: 2 });
  });

  test("when the database may be another refuses those that contradict", async () => {
    const { notary, told } = fixture.replica();
    await notary.start();
    const before = told.conflicts;
    const teamId = newTeam();
    await fixture.append(teamId, 5);
    await fixture.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    await fixture.rollBack(teamId, 5);
    notary.doubt();
    notary.doubt();
    await expect.poll(() => notary.refusal(teamId)).toEqual(contradicts(10, 5));
    expect(told.conflicts).toBe(before + 1);
  });

  test("goes on until the store can be read", async () => {
    await using own = await createNotaryFixture();
    const store = breakableStore(own.store);
    const { notary, told } = own.replica({ store });
    const teamId = newTeam();
    await own.append(teamId, 5);
    await own.append(teamId, 5);
    await notary.checkpoint(teamId, never);
    await own.rollBack(teamId, 5);
    store.broken = true;
    notary.doubt();
    await expect.poll(() => told.failed).toBe(1);
    store.broken = false;
    await expect.poll(() => notary.refusal(teamId), { timeout: 10_000 }).toBeDefined();
    const messages = () => told.logs.map(({ msg }) => msg);
    await expect.poll(messages).toContain("logs are signed and compared again");
  });

  test("fails the start if the store cannot be read", async () => {
    const store = breakableStore(fixture.store);
    store.broken = true;
    const { notary } = fixture.replica({ store });
    await expect(notary.start()).rejects.toBeInstanceOf(CheckpointStoreError);
  });

  test("says loudly that a store is empty while the database has logs", async () => {
    await using own = await createNotaryFixture();
    const alarms = async () => {
      const { notary, told } = own.replica();
      await notary.start();
      return told.logs.filter(({ level }) => level === 50);
    };
    expect(await alarms()).toEqual([]);
    await own.append(newTeam());
    expect(await alarms()).toEqual([
      expect.objectContaining({ logs: 1, msg: expect.stringContaining("store is empty") }),
    ]);
    const teamId = newTeam();
    await own.append(teamId);
    await own.replica().notary.checkpoint(teamId, never);
    expect(await alarms()).toEqual([]);
  });
});

describe("unasked", () => {
  test("a log is signed some time after it has grown, once for all that came", async () => {
    const replica = fixture.replica({ intervalMs: 100 });
    const teamId = newTeam();
    await replica.notary.start();
    await expect.poll(() => replica.told.unsigned, { timeout: 10_000 }).toBe(0);
    const before = replica.told.signed;
    for (let i = 0; i < 5; i++) await fixture.append(teamId, 2, replica);
    await expect.poll(async () => (await fixture.store.get(teamId))?.size).toBe(10n);
    expect(replica.told.signed - before).toBeLessThanOrEqual(5);
    await expect.poll(() => replica.told.unsigned).toBe(0);
  });

  test("logs that had grown before the start are signed, whoever appended to them", async () => {
    await using own = await createNotaryFixture();
    const [fresh, grown] = [newTeam(), newTeam()];
    await own.append(grown, 3);
    await own.replica().notary.checkpoint(grown, never);
    await own.append(grown, 3);
    await own.append(fresh, 4);
    const { notary, told } = own.replica({ intervalMs: 20 });
    await notary.start();
    await expect.poll(async () => (await own.store.get(fresh))?.size).toBe(4n);
    await expect.poll(async () => (await own.store.get(grown))?.size).toBe(6n);
    await expect.poll(() => told.unsigned).toBe(0);
  });

  test("what has grown is signed when the notary is closed", async () => {
    const replica = fixture.replica({ intervalMs: 1_000_000 });
    const teams = Array.from({ length: 20 }, newTeam);
    for (const teamId of teams) await fixture.append(teamId, 1, replica);
    expect(replica.told.unsigned).toBe(20);
    await replica.notary.close(20_000);
    for (const teamId of teams) expect((await fixture.store.get(teamId))?.size).toBe(1n);
  });

  test("nothing is signed if it is to be signed only when asked", async () => {
    const replica = fixture.replica({ intervalMs: 0 });
    const teamId = newTeam();
    await fixture.append(teamId, 1, replica);
    await replica.notary.close(20_000);
    expect(await fixture.store.get(teamId)).toBeUndefined();
  });

  test("one refused log does not keep others from being signed", async () => {
    const replica = fixture.replica({ intervalMs: 20 });
    const { notary } = replica;
    const [bad, good] = [newTeam(), newTeam()];
    await fixture.append(bad, 5);
    await fixture.append(bad, 5);
    await notary.checkpoint(bad, never);
    await fixture.rollBack(bad, 5);
    await notary.start();
    for (let i = 0; i < 3; i++) {
      replica.notary.appended(await fixture.append(bad, 1));
      await fixture.append(good, 1, replica);
    }
    await expect.poll(async () => (await fixture.store.get(good))?.size).toBe(3n);
    expect((await fixture.store.get(bad))?.size).toBe(10n);
  });

  test("a store that fails is told of once, and what was missed is made up for", async () => {
    await using own = await createNotaryFixture();
    const store = breakableStore(own.store);
    const replica = own.replica({ store, intervalMs: 20 });
    await replica.notary.start();
    store.broken = true;
    const teams = Array.from({ length: 10 }, newTeam);
    for (const teamId of teams) await own.append(teamId, 1, replica);
    await expect.poll(() => replica.told.failed).toBeGreaterThan(3);
    await expect(replica.notary.checkpoint(teams[0] ?? newTeam(), never)).rejects.toMatchObject({
      reason: "CHECKPOINT_UNAVAILABLE",
      retryDelayMs: 1_000,
    });
    const errors = replica.told.logs.filter(({ level }) => level === 50);
    expect(errors.map(({ msg }) => msg)).toEqual(["logs can be neither signed nor compared"]);
    store.broken = false;
    for (const teamId of teams) {
      await expect.poll(async () => (await own.store.get(teamId))?.size).toBe(1n);
    }
    expect(replica.told.unsigned).toBe(0);
  });
});

/** What `annals accept-rollback` does to the store. */
async function accept(teamId: TeamId): Promise<void> {
  const signed = await fixture.store.get(teamId);
  const [entry] = await fixture.append(teamId, 1);
  if (signed === undefined || entry === undefined) throw new Error("there is nothing to accept");
  // Signed as if for a store that had never seen the log.
  const empty = emptyStore();
  const head = await fixture.replica({ store: empty }).notary.checkpoint(teamId, never);
  const present = await fixture.store.supersede(signed, head, "accepted");
  expect(present?.note).toBe(head.note);
}

/** A store that keeps nothing. */
function emptyStore(): CheckpointStore {
  return {
    get: async () => undefined,
    replace: async (_, next) => next,
    supersede: async (_, next) => next,
    all: async function* () {},
    changesAfter: async function* () {},
    wasSuperseded: async () => false,
    close: async () => undefined,
  };
}

/** The store, of which `emptied` teams have vanished, as from an empty one in its place. */
function forgetfulStore(store: CheckpointStore): CheckpointStore & { emptied: boolean } {
  const self = {
    ...breakableStore(store),
    emptied: false,
    get: async (teamId: TeamId) => (self.emptied ? undefined : store.get(teamId)),
    replace: async (...[expected, next]: Parameters<CheckpointStore["replace"]>) => {
      if (self.emptied) return expected === undefined ? next : undefined;
      return store.replace(expected, next);
    },
  };
  return self;
}

/** The store, out of reach while `broken`. */
function breakableStore(store: CheckpointStore): CheckpointStore & { broken: boolean } {
  const guarded = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      if (self.broken) throw new CheckpointStoreError("broken by a test");
      return call(...args);
    };
  };
  const self = {
    broken: false,
    get: guarded((teamId: TeamId) => store.get(teamId)),
    replace: guarded((...args: Parameters<CheckpointStore["replace"]>) => store.replace(...args)),
    supersede: guarded((...args: Parameters<CheckpointStore["supersede"]>) =>
      store.supersede(...args),
    ),
    all: async function* () {
      if (self.broken) throw new CheckpointStoreError("broken by a test");
      yield* store.all();
    },
    changesAfter: async function* (revision: bigint) {
      if (self.broken) throw new CheckpointStoreError("broken by a test");
      yield* store.changesAfter(revision);
    },
    wasSuperseded: guarded((...args: Parameters<CheckpointStore["wasSuperseded"]>) =>
      store.wasSuperseded(...args),
    ),
    close: () => store.close(),
  };
  return self;
}

/** The store, which answers only once it is told to go on. */
function slowStore(store: CheckpointStore): CheckpointStore & { goOn(): void } {
  const going = Promise.withResolvers<void>();
  return {
    get: (teamId) => going.promise.then(() => store.get(teamId)),
    replace: (expected, next) => going.promise.then(() => store.replace(expected, next)),
    supersede: (...args) => store.supersede(...args),
    all: () => store.all(),
    changesAfter: (revision) => store.changesAfter(revision),
    wasSuperseded: (...args) => store.wasSuperseded(...args),
    close: () => store.close(),
    goOn: () => going.resolve(),
  };
}
