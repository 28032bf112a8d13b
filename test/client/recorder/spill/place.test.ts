import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  segmentName,
  segmentPosition,
} from "../../../../src/client/recorder/spill/session-name.ts";
import { openTexts, segmentsBelow, spillDirectory, textOf, texts } from "./directories.ts";

const bytes = (...given: string[]) => given.map((text) => Buffer.from(text));

test("what is left at a place is found before what was appended since, and behind what came earlier", async () => {
  const directory = spillDirectory();
  const first = await openTexts(directory);
  const beginning = first.spill.place();
  await first.append("b1", "b2");
  const middle = first.spill.place();
  expect(first.spill.place()).toBe(middle);
  await first.append("d1");
  await first.spill.append(bytes("a1", "a2"), beginning);
  await first.spill.append(bytes("c1"), middle);
  expect(first.spill.appendSync(bytes("e1"))).toBe(1);
  expect(first.spill.appendSync(bytes("c2"), middle)).toBe(1);
  expect(first.spill.appendSync(bytes("a3"), beginning)).toBe(1);
  await first.spill.close();

  const second = await openTexts(directory);
  const found = ["a1", "a2", "a3", "b1", "b2", "c1", "c2", "d1", "e1"];
  expect(await second.drain()).toEqual(found);
  expect(second).toMatchObject({ damaged: 0, errors: [] });
  await second.spill.close();
  expect(segmentsBelow(directory)).toEqual([]);
});

test("a place has room for more than a segment, and reading goes on behind it", async () => {
  const directory = spillDirectory();
  const first = await openTexts(directory, { segmentBytes: 300 });
  const beginning = first.spill.place();
  await first.append(...texts("late", 40));
  expect(await first.spill.append(bytes(...texts("early", 60)), beginning)).toBe(60);
  await first.append(...texts("last", 20));
  await first.spill.close();
  const second = await openTexts(directory);
  const found = [...texts("early", 60), ...texts("late", 40), ...texts("last", 20)];
  expect(await second.drain()).toEqual(found);
  expect(second).toMatchObject({ damaged: 0, errors: [] });
  await second.spill.close();
});

test("a place of a process that has read on does not bring back what it has settled", async () => {
  const directory = spillDirectory();
  const first = await openTexts(directory);
  await first.append("gone 1", "gone 2");
  expect(await first.drain()).toEqual(["gone 1", "gone 2"]);
  const place = first.spill.place();
  await first.append("kept 2");
  await first.spill.append(bytes("kept 1"), place);
  await first.spill.close();
  const second = await openTexts(directory);
  expect((await second.spill.read(10, 1e6)).map(textOf)).toEqual(["kept 1", "kept 2"]);
  await second.spill.close();
});

test("a process that ends while it appends at a place has its last entries where they belong", async () => {
  const directory = spillDirectory();
  for (let turn = 0; turn < 30; turn += 1) {
    const first = await openTexts(directory, { segmentBytes: 150 });
    const beginning = first.spill.place();
    await first.append("d1", "d2");
    const middle = first.spill.place();
    await first.append("f1");
    // What it is in the middle of may be found or not, and more than once.
    const unanswered = first.spill.append(bytes(...texts("unanswered", 20)), middle);
    for (let wait = 0; wait < turn; wait += 1)
      await new Promise((resolve) => setImmediate(resolve));
    expect(first.spill.appendSync(bytes("g1", "g2"))).toBe(2);
    expect(first.spill.appendSync(bytes("e1", "e2"), middle)).toBe(2);
    expect(first.spill.appendSync(bytes("c1"), beginning)).toBe(1);
    expect(await unanswered).toBe(20);
    await first.spill.close();
    expect(first).toMatchObject({ damaged: 0, errors: [] });
    const next = await openTexts(directory);
    const found = (await next.drain()).filter((text) => !text.startsWith("unanswered"));
    expect(found).toEqual(["c1", "d1", "d2", "e1", "e2", "f1", "g1", "g2"]);
    expect(next.damaged).toBe(0);
    await next.spill.close();
  }
});

test("places keep their order though the session was claimed in between", async () => {
  const directory = spillDirectory();
  const first = await openTexts(directory);
  const beginning = first.spill.place();
  await first.append("claimed");
  const middle = first.spill.place();
  for (const name of readdirSync(directory)) {
    renameSync(join(directory, name), join(directory, `${name}.left`));
  }
  await first.append("c1");
  await first.spill.append(bytes("b1"), middle);
  await first.spill.append(bytes("a1"), beginning);
  await first.spill.append(bytes("b2"), middle);
  await first.spill.close();
  const second = await openTexts(directory);
  expect(await second.drain()).toEqual(["claimed", "a1", "b1", "b2", "c1"]);
  expect(second.damaged).toBe(0);
  await second.spill.close();
});

test("there are names for the segments of years of places, and they sort", () => {
  const positions = [1, 99_999_999, 100_000_000, 99_999_999_999];
  const names = positions.map(segmentName);
  expect(names.map(segmentPosition)).toEqual(positions);
  expect(names.toSorted()).toEqual(names);
});
