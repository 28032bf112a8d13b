import { expect, test } from "vitest";
import type { Pending } from "../../../src/client/recorder/lanes.ts";
import { Overflow } from "../../../src/client/recorder/overflow.ts";
import type { Spill } from "../../../src/client/recorder/spill/spill.ts";

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
    patienceMs: 20,
    room: () => ({ entries: 2 - sent.length, bytes: 1_000 }),
    send: (entries) => sent.push(...entries.map(({ id }) => id)),
    onSpilled: () => undefined,
    onAdopted: () => undefined,
    onError: (error) => errors.push(error),
  });
  const pending = (id: string): Pending => {
    return { id, teamId: "", bytes: new Uint8Array(10), epoch: 1, failures: 0 };
  };
  for (const id of ["1", "2", "3"]) overflow.push(pending(id));
  await expect.poll(() => sent).toEqual(["1", "2"]);
  expect(errors.map(({ message }) => message)).toEqual([
    "the spill directory did not answer within 0.02 s",
  ]);
  expect((await overflow.stop()).map(({ id }) => id)).toEqual(["3"]);
});
