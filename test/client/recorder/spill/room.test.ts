import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { openTexts, segmentsBelow, spillDirectory, textOf, texts } from "./directories.ts";

const entry = (index: number) => Buffer.alloc(978, index);
const entries = (count: number) => Array.from({ length: count }, (_, index) => entry(index));
const sizeOf = (directory: string) =>
  segmentsBelow(directory).reduce((sum, path) => sum + statSync(path).size, 0);

test("as many entries are taken as there is room for, in order", async () => {
  const directory = spillDirectory();
  const maxBytes = 100_000;
  const { spill, errors } = await openTexts(directory, { maxBytes, segmentBytes: 10_026 });
  expect(await spill.append(entries(1_000))).toBe(99);
  expect(sizeOf(directory)).toBeLessThanOrEqual(maxBytes);
  expect(spill.waiting.entries).toBe(99);
  expect(await spill.append([entry(0)])).toBe(0);
  // A smaller one may fit where a larger did not.
  expect(await spill.append([Buffer.from("small")])).toBe(1);
  expect(errors).toEqual([]);
  await spill.close();
});

test("room that is freed by settling is used again, even that of the segment being written", async () => {
  const directory = spillDirectory();
  const { spill } = await openTexts(directory, { maxBytes: 10_026, segmentBytes: 5_026 });
  let number = 0;
  const seen: string[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const some = texts("x".repeat(900), 20, number);
    const written = await spill.append(some.map((text) => Buffer.from(text)));
    expect(written).toBeGreaterThanOrEqual(10);
    number += written;
    for (;;) {
      const read = await spill.read(3, 1e6);
      if (read.length === 0) break;
      seen.push(...read.map(textOf));
      for (const entry of read) spill.settle(entry);
    }
  }
  expect(seen).toEqual(texts("x".repeat(900), number, 0));
  await spill.close();
});

test("a synchronous append finds room in the same way", async () => {
  const directory = spillDirectory();
  const { spill } = await openTexts(directory, { maxBytes: 10_026, segmentBytes: 5_026 });
  expect(spill.appendSync(entries(20))).toBe(9);
  for (const entry of await spill.read(5, 1e6)) spill.settle(entry);
  expect(spill.appendSync(entries(20))).toBe(5);
  expect(sizeOf(directory)).toBeLessThanOrEqual(10_026);
  await spill.close();
});

test("an entry that is too large is not taken, and is in nobody's way", async () => {
  const { spill, errors } = await openTexts(spillDirectory(), { segmentBytes: 2_000 });
  const large = Buffer.alloc(4 * 1024 * 1024 + 1);
  expect(await spill.append([entry(1), large, entry(2)])).toBe(1);
  expect(await spill.append([large])).toBe(0);
  expect(await spill.append([Buffer.alloc(100_000), entry(2)])).toBe(2);
  expect(spill.waiting.entries).toBe(3);
  expect(errors).toEqual([]);
  await spill.close();
});

test("several on one directory share its room, give or take a segment each", async () => {
  const directory = spillDirectory();
  const maxBytes = 200_000;
  const segmentBytes = 10_026;
  const all = await Promise.all(
    [1, 2, 3, 4].map(() => openTexts(directory, { maxBytes, segmentBytes })),
  );
  const append = async ({ spill }: (typeof all)[number]) => {
    for (let turn = 0; turn < 30; turn += 1) await spill.append(entries(7));
  };
  await Promise.all(all.map(append));
  expect(sizeOf(directory)).toBeGreaterThan(maxBytes - segmentBytes);
  expect(sizeOf(directory)).toBeLessThanOrEqual(maxBytes + all.length * segmentBytes);
  for (const { spill } of all) await spill.close();
});

test("what the dead left counts, until it is settled", async () => {
  const directory = spillDirectory();
  const options = { maxBytes: 10_026, segmentBytes: 5_026 };
  const first = await openTexts(directory, options);
  expect(await first.spill.append(entries(20))).toBe(9);
  await first.spill.close();
  const next = await openTexts(directory, options);
  expect(await next.spill.append(entries(20))).toBe(0);
  const left = await next.spill.read(100, 1e6);
  expect(left).toHaveLength(9);
  for (const entry of left) next.spill.settle(entry);
  expect(await next.spill.append(entries(20))).toBe(9);
  await next.spill.close();
});
