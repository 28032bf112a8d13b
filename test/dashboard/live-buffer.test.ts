import { expect, test } from "vitest";
import { LiveBuffer } from "../../src/dashboard/live/live-buffer.ts";
import { trailRows } from "./trail-rows.ts";

const rows = (from: number, to: number) => trailRows("a", from, to);
const sequences = (buffer: LiveBuffer) => buffer.take().rows.map(({ sequence }) => sequence);

test("what arrived is taken in its order, once", () => {
  const buffer = new LiveBuffer(() => false, 10);
  for (const row of rows(1, 3)) expect(buffer.add(row)).toBe(true);
  expect(buffer.count).toBe(3);
  expect(buffer.take()).toEqual({ rows: rows(1, 3), dropped: 0, droppedMs: undefined });
  expect(buffer.count).toBe(0);
  expect(buffer.take().rows).toEqual([]);
});

test("what comes again, or is shown already, is passed over", () => {
  const buffer = new LiveBuffer(({ sequence }) => sequence === 1, 10);
  expect(rows(1, 3).map((row) => buffer.add(row))).toEqual([false, true, true]);
  expect(rows(1, 3).map((row) => buffer.add(row))).toEqual([false, false, false]);
  expect(sequences(buffer)).toEqual([2, 3]);
});

test("the same sequence of another team is another row", () => {
  const buffer = new LiveBuffer(() => false, 10);
  for (const row of [...trailRows("a", 1, 1), ...trailRows("b", 1, 1)]) buffer.add(row);
  expect(buffer.take().rows.map(({ teamId }) => teamId)).toEqual([
    ...trailRows("a", 1, 1).map(({ teamId }) => teamId),
    ...trailRows("b", 1, 1).map(({ teamId }) => teamId),
  ]);
});

test("nobody takes for long: the latest are held, the others counted, with their latest time", () => {
  const buffer = new LiveBuffer(() => false, 10);
  for (const row of rows(1, 1_234)) buffer.add(row);
  expect(buffer.count).toBe(1_234);
  expect(buffer.hasGap).toBe(true);
  const { rows: held, dropped, droppedMs } = buffer.take();
  expect(held).toEqual(rows(1_225, 1_234));
  expect(dropped).toBe(1_224);
  expect(droppedMs).toBe(Date.parse(rows(1_224, 1_224)[0]?.recordTime ?? ""));
  expect(buffer.hasGap).toBe(false);
});

test("as many as are held leave no gap, one more does", () => {
  const buffer = new LiveBuffer(() => false, 10);
  for (const row of rows(1, 10)) buffer.add(row);
  expect(buffer.hasGap).toBe(false);
  for (const row of rows(11, 11)) buffer.add(row);
  expect(buffer.hasGap).toBe(true);
  expect(buffer.take().dropped).toBe(1);
});
