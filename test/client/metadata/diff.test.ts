import fc from "fast-check";
import { expect, test } from "vitest";
import { diff } from "../../../src/client/metadata/diff.ts";
import { compileRedaction } from "../../../src/client/metadata/redaction.ts";
import type { JsonObject } from "../../../src/log/entry.ts";
import { checkMetadata, Violations } from "../../../src/rpc/text.ts";

test("only what has changed is told, by its path", () => {
  const before = {
    name: "a",
    size: { cpu: 2, disk: { gb: 10 } },
    tags: ["x"],
    same: [1, { a: 2 }],
  };
  const after = {
    name: "b",
    size: { cpu: 2, disk: { gb: 20 } },
    tags: ["x", "y"],
    same: [1, { a: 2 }],
  };
  expect(diff(before, after)).toEqual({
    name: { from: "a", to: "b" },
    "size.disk.gb": { from: 10, to: 20 },
    tags: { from: ["x"], to: ["x", "y"] },
  });
  expect(diff(before, before)).toEqual({});
});

test("what was added has no from, what was removed no to", () => {
  expect(diff({ gone: 1, both: 2 }, { both: 2, new: { a: null } })).toEqual({
    gone: { from: 1 },
    new: { to: { a: null } },
  });
  expect(diff(undefined, { a: 1 })).toEqual({ a: { to: 1 } });
  expect(diff({ a: 1 }, null)).toEqual({ a: { from: 1 } });
});

test("another kind of value is a change of the whole", () => {
  expect(diff({ a: { b: 1 } }, { a: [1] })).toEqual({ a: { from: { b: 1 }, to: [1] } });
  expect(diff({ a: null }, { a: {} })).toEqual({ a: { from: null, to: {} } });
  expect(diff([1], [2])).toEqual({ "": { from: [1], to: [2] } });
});

test("dots and stars that are part of a key are told apart", () => {
  expect(diff({ "a.b": 1, a: { b: 1 } }, { "a.b": 2, a: { b: 2 } })).toEqual({
    "a\\.b": { from: 1, to: 2 },
    "a.b": { from: 1, to: 2 },
  });
});

test("keys that every object inherits are told only of those that have them", () => {
  expect(diff({}, { constructor: "a", toString: 1 })).toEqual({
    constructor: { to: "a" },
    toString: { to: 1 },
  });
});

test("values are compared as JSON has them", () => {
  const date = new Date(0);
  expect(diff({ at: date, n: 1n, u: undefined }, { at: new Date(0), n: 1n })).toEqual({});
  expect(diff({ at: date }, { at: new Date(1) })).toEqual({
    at: { from: "1970-01-01T00:00:00.000Z", to: "1970-01-01T00:00:00.001Z" },
  });
  expect(diff({ zero: -0, key: 1, other: 2 }, { other: 2, zero: 0, key: 1 })).toEqual({});
});

test("of a secret it is told only that it has changed", () => {
  const before = { apiKey: "1", auth: { token: { a: 1 } }, list: [{ password: 1 }] };
  const after = { apiKey: "2", auth: { token: { a: 2 } }, list: [{ password: 2 }, 1] };
  const gone = "[redacted]";
  expect(diff(before, after)).toEqual({
    apiKey: { from: gone, to: gone },
    "auth.token": { from: gone, to: gone },
    list: { from: [{ password: gone }], to: [{ password: gone }, 1] },
  });
  const redaction = compileRedaction({ paths: ["auth"] });
  expect(diff({ auth: { a: 1 } }, { auth: { a: 2 } }, { redaction })).toEqual({
    auth: { from: gone, to: gone },
  });
});

test("cycles, getters and proxies do not stop it", () => {
  const trap = () => {
    throw new Error("trap");
  };
  const before: Record<string, unknown> = { a: 1 };
  before.self = before;
  const after = { a: 2, self: new Proxy({}, { ownKeys: trap, get: trap, has: trap }) };
  expect(diff(before, after)).toEqual({
    a: { from: 1, to: 2 },
    self: { from: "[circular]", to: "[unreadable]" },
  });
  expect(diff(new Proxy({}, { ownKeys: trap, has: trap }), {})).toEqual({
    "": { from: "[unreadable]", to: {} },
  });
});

test("a long text is cut, a large value told by its size, and both say so", () => {
  const changes = diff(
    { text: "a", list: [] },
    { text: "é".repeat(5_000), list: Array(2_000).fill(1) },
  );
  expect(changes.text?.to).toMatch(/^é{500,}… \[10002 bytes\]$/);
  expect(changes.list).toEqual({ from: [], to: "[6000 bytes]" });
});

test("a text is not cut within a character", () => {
  for (const start of ["", "x"]) {
    const { text } = diff({}, { text: start + "😀".repeat(3_000) });
    expect(text?.to).toMatch(/… \[1200\d bytes\]$/);
    expect(String(text?.to).isWellFormed()).toBe(true);
  }
});

test("of too many changes the first are told, and how many are left out", () => {
  const after = Object.fromEntries(Array.from({ length: 5_000 }, (_none, at) => [`key-${at}`, at]));
  const changes = diff({}, after);
  const told = Object.keys(changes).length - 1;
  expect(told).toBeGreaterThan(200);
  expect(changes["[truncated]"]).toEqual({ to: `${5_000 - told} more changes` });
});

test("thousands of changes below long keys are not spelt out", () => {
  const key = "k".repeat(100_000);
  let after: unknown = Object.fromEntries(Array.from({ length: 15_000 }, (_none, at) => [at, at]));
  for (let level = 0; level < 50; level += 1) after = { [key]: after };
  let before: unknown = {};
  for (let level = 0; level < 50; level += 1) before = { [key]: before };
  // Spelt out, their paths would be 75 GB.
  expect(diff(before, after)).toEqual({ "[truncated]": { to: "15000 more changes" } });
});

test("what is too much to compare is not compared", () => {
  const changes = diff({ list: Array(30_000).fill(1) }, { list: Array(30_000).fill(2) });
  expect(changes).toEqual({ "[truncated]": { to: "too many values to compare" } });
});

const hostile = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withTypedArray: true,
  withSparseArray: true,
  withBoxedValues: true,
  maxDepth: 6,
});

test("property: no value makes it throw, and nothing has changed between a value and itself", () => {
  fc.assert(
    fc.property(hostile, hostile, (before, after) => {
      diff(before, after);
      expect(diff(after, after)).toEqual({});
    }),
  );
});

/** The server's own judgement of metadata, on what it receives as JSON. */
function mistakes(metadata: unknown): unknown[] {
  const violations = new Violations();
  checkMetadata("metadata", JSON.parse(JSON.stringify(metadata)) as JsonObject, violations);
  return violations.found;
}

/** Values that are as large as they can be for their size: escapes, long numbers, depth, long keys. */
const wide = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ maxLength: 50 }),
    fc.constantFrom(
      "\u0001".repeat(4_000),
      "é".repeat(3_000),
      "😀".repeat(2_000),
      5e-324,
      1e300,
      -1.5,
    ),
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("k".repeat(3_000), "\u0002".repeat(900))),
      tie("value"),
      { maxKeys: 5 },
    ),
  ),
})).value;

test("property: two of them fit into metadata, as the server counts", () => {
  fc.assert(
    fc.property(
      fc.array(wide, { maxLength: 40 }),
      fc.array(wide, { maxLength: 40 }),
      (before, after) => {
        const objects = [before, after].map((values) => Object.fromEntries(Object.entries(values)));
        const changes = diff(objects[0], objects[1]);
        const sizes = mistakes({ changes, more: { changes } }).filter(
          // Text that PostgreSQL does not take is the recorder's to mend.
          (mistake) => !/NUL|Unicode/.test(JSON.stringify(mistake)),
        );
        expect(sizes).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
});

test("the deepest and the widest changes fit too", () => {
  let deep: unknown = "bottom";
  for (let level = 0; level < 90; level += 1) deep = { k: deep };
  let list: unknown = "bottom";
  for (let level = 0; level < 90; level += 1) list = [list];
  const small = Array.from({ length: 19_000 }, () => 5e-324);
  for (const after of [{ deep, list }, { list: [deep] }, { ...small }]) {
    expect(mistakes({ changes: diff({}, after) })).toEqual([]);
    expect(mistakes({ changes: diff({ deep: { k: {} } }, after) })).toEqual([]);
  }
});
