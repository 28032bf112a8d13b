import { expect, test } from "vitest";
import type { Pending } from "../../../src/client/recorder/lanes.ts";
import { Overflow } from "../../../src/client/recorder/overflow.ts";
import type { Spill } from "../../../src/client/recorder/spill/spill.ts";

const pending = (id: string): Pending => {
  return { id, teamId: "", data: "x".repeat(10), epoch: 1, failures: 0 };
};

test("a directory that never answers holds up nothing: memory alone serves", async () => {
  const never = new Promise<never>(() => undefined);
  const spill: Spill = {
    opened: never,
    waiting: { entries: 0, bytes: 0 },
    place: () => ({}),
    append: () => never,
    appendSync: () => 0,
    read: () => never,
    settle: () => undefined,
    close: () => never,
  };
  const sent: string[] = [];
  const errors: Error[] = [];
  const overflow = new Overflow({
    spill,
    spillMaxBytes: 1_000_000,
    patienceMs: 20,
    room: () => ({ entries: 2 - sent.length, bytes: 1_000 }),
    send: (entries) => sent.push(...entries.map(({ id }) => id)),
    onSpilled: () => undefined,
    onAdopted: () => undefined,
    onError: (error) => errors.push(error),
  });
  for (const id of ["1", "2", "3"]) overflow.push(pending(id));
  await expect.poll(() => sent).toEqual(["1", "2"]);
  expect(errors.map(({ message }) => message)).toEqual([
    "the spill directory did not answer within 0.02 s",
  ]);
  expect((await overflow.stop()).map(({ id }) => id)).toEqual(["3"]);
});

test("a disk keeps up for as long as it takes all that it is given and has room for what waits", async () => {
  const given: { entries: number; take: (entries: number) => void }[] = [];
  const waiting = { entries: 0, bytes: 0 };
  const spill: Spill = {
    opened: Promise.resolve(),
    waiting,
    place: () => ({}),
    append: async ({ length }) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      given.push({ entries: length, take: resolve });
      return promise;
    },
    appendSync: () => 0,
    read: async () => [],
    settle: () => undefined,
    close: async () => undefined,
  };
  const overflow = new Overflow({
    spill,
    spillMaxBytes: 100,
    room: () => ({ entries: 0, bytes: 0 }),
    send: () => undefined,
    onSpilled: (entries) => {
      waiting.entries += entries.length;
      waiting.bytes += entries.length * 10;
    },
    onAdopted: () => undefined,
    onError: () => undefined,
  });
  overflow.push(pending("1"));
  await expect.poll(() => given.length).toBe(1);
  for (let i = 2; i < 10; i++) overflow.push(pending(`${i}`));
  expect(overflow.keepsUp).toBe(true);
  overflow.push(pending("10"));
  expect(overflow.keepsUp).toBe(false);
  given[0]?.take(1);
  // What came meanwhile goes together.
  await expect.poll(() => given.length).toBe(2);
  expect(given[1]?.entries).toBe(9);
  given[1]?.take(4);
  await expect.poll(() => overflow.waiting.entries).toBe(5);
  waiting.bytes = 0;
  expect(overflow.keepsUp).toBe(false);
  await expect.poll(() => given.length, { timeout: 10_000 }).toBe(3);
  given[2]?.take(5);
  await expect.poll(() => overflow.waiting.entries).toBe(0);
  expect(overflow.keepsUp).toBe(true);
  await overflow.stop();
});
