import { cpSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { openTexts, segmentsBelow, spillDirectory, texts } from "./directories.ts";

const header = 26;
const all = texts("an entry", 5);
const recordBytes = 22 + Buffer.byteLength("an entry 1");

/** A directory with one segment of five entries, left by its process. */
async function directoryOfFive(): Promise<string> {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory);
  await append(...all);
  await spill.close();
  return directory;
}

/** What the next process reads after this was done to a copy of the segment, and how much it misses. */
async function afterwards(directory: string, change: (path: string) => void) {
  const copy = spillDirectory();
  cpSync(directory, copy, { recursive: true });
  for (const path of segmentsBelow(copy)) change(path);
  const spill = await openTexts(copy);
  const waiting = spill.spill.waiting.entries;
  const read = await spill.drain();
  expect(waiting).toBe(read.length);
  expect(spill.errors).toEqual([]);
  await spill.spill.close();
  expect(segmentsBelow(copy)).toEqual([]);
  return { read, damaged: spill.damaged };
}

beforeAll(() => {
  expect(recordBytes).toBe(32);
});

test("a segment that ends at any byte has the entries that are whole, and none is called damaged", async () => {
  const directory = await directoryOfFive();
  for (let size = 0; size <= header + 5 * recordBytes; size += 1) {
    const result = await afterwards(directory, (path) => truncateSync(path, size));
    const whole = Math.max(0, Math.floor((size - header) / recordBytes));
    expect({ size, ...result }).toEqual({ size, read: all.slice(0, whole), damaged: 0 });
  }
});

test("a byte that is wrong costs one entry at most, which is counted unless it is the last", async () => {
  const directory = await directoryOfFive();
  for (let offset = 0; offset < header + 5 * recordBytes; offset += 1) {
    const result = await afterwards(directory, (path) => {
      const bytes = readFileSync(path);
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
      writeFileSync(path, bytes);
    });
    const hit = offset < header ? -1 : Math.floor((offset - header) / recordBytes);
    const read = all.filter((_, index) => index !== hit);
    expect({ offset, ...result }).toEqual({ offset, read, damaged: hit >= 0 && hit < 4 ? 1 : 0 });
  }
});

test("what is damaged over several entries is counted entry by entry", async () => {
  const directory = await directoryOfFive();
  const result = await afterwards(directory, (path) => {
    const bytes = readFileSync(path);
    bytes.fill(0, header + recordBytes + 3, header + 4 * recordBytes - 3);
    writeFileSync(path, bytes);
  });
  expect(result).toEqual({ read: [all[0], all[4]], damaged: 3 });
});

test("of a segment in which nothing is readable one entry is counted", async () => {
  const directory = await directoryOfFive();
  const nothing = await afterwards(directory, (path) => writeFileSync(path, Buffer.alloc(100_000)));
  expect(nothing).toEqual({ read: [], damaged: 1 });
  const noise = Buffer.alloc(600_000, "no segment at all ");
  const other = await afterwards(directory, (path) => writeFileSync(path, noise));
  expect(other).toEqual({ read: [], damaged: 1 });
});

test("a payload that looks like a record is never taken for one", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory);
  await append("first", "here", "last");
  const [path = ""] = segmentsBelow(directory);
  const forged = readFileSync(path).subarray(header).toString("latin1");
  const payload = Buffer.from(forged, "latin1");
  await spill.append([payload, Buffer.from("end")]);
  await spill.close();
  // The same bytes in another segment, whose marker nobody could know, behind a broken length.
  const other = spillDirectory();
  const second = await openTexts(other);
  await second.spill.append([payload, Buffer.from("end")]);
  await second.spill.close();
  const result = await afterwards(other, (path) => {
    const bytes = readFileSync(path);
    bytes[header + 14] = (bytes[header + 14] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  });
  expect(result).toEqual({ read: ["end"], damaged: 1 });
});

test("a segment that lost its end is noticed by the one that follows it", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory, { segmentBytes: header + 5 * recordBytes });
  await append(...texts("an entry", 5), ...texts("an entry", 4, 6));
  await spill.close();
  const [first = ""] = segmentsBelow(directory);
  const result = await afterwards(directory, (path) => {
    if (path.endsWith("00001001.seg")) truncateSync(path, header + 3 * recordBytes + 1);
  });
  expect(first).toContain("00001001.seg");
  expect(result).toEqual({
    read: [...texts("an entry", 3), ...texts("an entry", 4, 6)],
    damaged: 2,
  });
});

test("what a process finds damaged of its own segments is counted too, to the last entry", async () => {
  const directory = spillDirectory();
  const spill = await openTexts(directory, { segmentBytes: header + 5 * recordBytes });
  await spill.append(...texts("an entry", 6));
  const [first = "", second = ""] = segmentsBelow(directory);
  truncateSync(first, header + 4 * recordBytes);
  expect(second).toContain("00001002.seg");
  expect(await spill.drain()).toEqual([...texts("an entry", 4), "an entry 6"]);
  expect(spill.damaged).toBe(1);
  expect(spill.spill.waiting.entries).toBe(0);
  await spill.spill.close();
});

test("a segment of a later version is left to whoever knows it", async () => {
  const directory = await directoryOfFive();
  const [path = ""] = segmentsBelow(directory);
  const bytes = readFileSync(path);
  bytes[7] = 2;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 22)), 22);
  writeFileSync(path, bytes);
  const spill = await openTexts(directory);
  expect(await spill.drain()).toEqual([]);
  expect(spill.errors.map(String)).toEqual([expect.stringMatching(/version that is not known/)]);
  expect(spill.damaged).toBe(0);
  await spill.spill.close();
  const [left = ""] = segmentsBelow(directory);
  expect(readFileSync(left)).toEqual(bytes);
});

test("a segment that cannot be read for now is read later, and the others meanwhile", async () => {
  const directory = spillDirectory();
  const spill = await openTexts(directory, { segmentBytes: header + 2 * recordBytes, lookMs: 20 });
  await spill.append(...texts("an entry", 6));
  const [, second = ""] = segmentsBelow(directory);
  renameSync(second, `${second}.away`);
  mkdirSync(second);
  expect(await spill.drain()).toEqual([...texts("an entry", 2), ...texts("an entry", 2, 5)]);
  expect(spill.errors.map(String)).toEqual([expect.stringMatching(/cannot read .*EISDIR/)]);
  expect(spill.spill.waiting.entries).toBe(2);
  renameSync(second, `${second}.directory`);
  renameSync(`${second}.away`, second);
  const later: string[] = [];
  while (later.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    later.push(...(await spill.drain()));
  }
  expect(later).toEqual(texts("an entry", 2, 3));
  expect(spill.readable).toBeGreaterThan(0);
  expect(spill.spill.waiting.entries).toBe(0);
  expect(spill.damaged).toBe(0);
  await spill.spill.close();
});
