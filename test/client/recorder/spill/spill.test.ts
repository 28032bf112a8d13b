import { readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import {
  filesBelow,
  openTexts,
  segmentsBelow,
  spillDirectory,
  textOf,
  texts,
} from "./directories.ts";

const header = 26;
const record = (text: string) => 22 + Buffer.byteLength(text);

test("entries come back in order, each once, whatever the pieces in which they are read", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory, { segmentBytes: 200 });
  expect(await append(...texts("entry", 50))).toBe(50);
  expect(await append()).toBe(0);
  const read: string[] = [];
  for (const [entries, bytes] of [
    [1, 1],
    [10, 1e6],
    [0, 1e6],
    [100, 20],
    [1000, 1e6],
  ] as const) {
    const some = await spill.read(entries, bytes);
    expect(some.length).toBeLessThanOrEqual(entries);
    const sum = some.reduce((sum, entry) => sum + entry.bytes.length, 0);
    if (some.length > 1) expect(sum).toBeLessThanOrEqual(bytes);
    read.push(...some.map(textOf));
  }
  expect(read).toEqual(texts("entry", 50));
  expect(await spill.read(10, 1e6)).toEqual([]);
  await spill.close();
});

test("entries of many sizes, larger than what is read at a time and empty, come back byte for byte", async () => {
  const { spill } = await openTexts(spillDirectory());
  const entries = [0, 1, 65_536, 262_144, 3_000_000, 0, 4 * 1024 * 1024, 7].map((size, index) =>
    Buffer.alloc(size, index + 1),
  );
  expect(await spill.append(entries)).toBe(entries.length);
  const read: Uint8Array[] = [];
  for (let some = await spill.read(3, 1e6); some.length > 0; some = await spill.read(3, 1e6)) {
    read.push(...some.map(({ bytes }) => bytes));
  }
  expect(
    read.map((bytes) => Buffer.from(bytes).equals(entries[read.indexOf(bytes)] ?? Buffer.alloc(1))),
  ).toEqual(entries.map(() => true));
  await spill.close();
});

test("what waits is counted, until it is settled, once", async () => {
  const { append, spill } = await openTexts(spillDirectory());
  await append("one", "two");
  expect(spill.waiting).toEqual({ entries: 2, bytes: record("one") + record("two") });
  const [one, two] = await spill.read(2, 100);
  expect(spill.waiting.entries).toBe(2);
  if (one === undefined || two === undefined) throw new Error("two were written");
  spill.settle(one);
  spill.settle(one);
  expect(spill.waiting).toEqual({ entries: 1, bytes: record("two") });
  spill.settle(two);
  expect(spill.waiting).toEqual({ entries: 0, bytes: 0 });
  await spill.close();
});

test("what was read and not settled is read again by the next, before what that one writes", async () => {
  const directory = spillDirectory();
  const first = await openTexts(directory);
  await first.append(...texts("first", 3));
  await first.readAll();
  await first.spill.close();
  const second = await openTexts(directory);
  await second.append(...texts("second", 2));
  await second.spill.close();
  const third = await openTexts(directory);
  expect(third.spill.waiting.entries).toBe(5);
  await third.append("third 1");
  expect(await third.drain()).toEqual([...texts("first", 3), ...texts("second", 2), "third 1"]);
  await third.spill.close();
});

test("segments go one by one as their entries are settled, and nothing is left at the end", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory, { segmentBytes: 100, lookMs: 20 });
  await append(...texts("entry", 9));
  expect(segmentsBelow(directory)).toHaveLength(5);
  const gone = async (count: number) => {
    while (segmentsBelow(directory).length !== count) await new Promise((r) => setTimeout(r, 5));
  };
  const entries = await spill.read(100, 1e6);
  // Not in order: a segment waits for none before it.
  for (const entry of entries.slice(2, 6)) spill.settle(entry);
  await gone(3);
  for (const entry of entries.slice(0, 2)) spill.settle(entry);
  for (const entry of entries.slice(6)) spill.settle(entry);
  await gone(0);
  expect(await append("again")).toBe(1);
  for (const entry of await spill.read(1, 100)) spill.settle(entry);
  await spill.close();
  expect(readdirSync(directory)).toEqual([]);
});

test("nobody else may read what lies there", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory);
  await append("secret");
  const mode = (path: string) => statSync(path).mode & 0o777;
  for (const path of filesBelow(directory)) {
    expect(mode(path)).toBe(0o600);
    expect(mode(dirname(path))).toBe(0o700);
  }
  expect(filesBelow(directory)).toHaveLength(2);
  expect(mode(directory)).toBe(0o700);
  await spill.close();
});

test("a closed spill takes and gives nothing, and closing it again is harmless", async () => {
  const directory = spillDirectory();
  const { append, spill } = await openTexts(directory);
  await append("one");
  const [one] = await spill.read(1, 100);
  await Promise.all([spill.close(), spill.close()]);
  expect(await append("two")).toBe(0);
  expect(spill.appendSync([Buffer.from("three")])).toBe(0);
  expect(await spill.read(1, 100)).toEqual([]);
  if (one !== undefined) spill.settle(one);
  const next = await openTexts(directory);
  expect(await next.drain()).toEqual(["one"]);
  await next.spill.close();
});

test("what never spills leaves no session behind, and a thousand openings leave no descriptor", async () => {
  const directory = spillDirectory();
  const open = () => readdirSync("/dev/fd").length;
  const before = open();
  for (let turn = 0; turn < 300; turn += 1) {
    const { append, drain, spill } = await openTexts(directory, { segmentBytes: 60 });
    if (turn % 3 > 0) await append("one", "two", "three");
    if (turn % 3 > 1) await drain();
    await spill.close();
  }
  const last = await openTexts(directory);
  await last.drain();
  await last.spill.close();
  expect(readdirSync(directory)).toEqual([]);
  while (open() > before) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a synchronous append beside one that is under way loses nothing of either", async () => {
  const directory = spillDirectory();
  for (let turn = 0; turn < 40; turn += 1) {
    const { append, spill } = await openTexts(directory, { segmentBytes: 150 });
    if (turn % 2 === 0) await append("before");
    const asynchronous = append(...texts("asynchronous", 20));
    for (let wait = 0; wait < turn; wait += 1)
      await new Promise((resolve) => setImmediate(resolve));
    expect(spill.appendSync(texts("synchronous", 5).map((text) => Buffer.from(text)))).toBe(5);
    expect(await asynchronous).toBe(20);
    await append("after");
    await spill.close();
    const next = await openTexts(directory);
    const read = await next.drain();
    expect(read.filter((text) => text.startsWith("a")).sort()).toEqual(
      ["after", ...texts("asynchronous", 20)].sort(),
    );
    expect(read.filter((text) => text.startsWith("s"))).toEqual(texts("synchronous", 5));
    expect(next.damaged).toBe(0);
    await next.spill.close();
  }
  expect(header).toBe(26);
  expect(readdirSync(directory)).toEqual([]);
});
