import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { plainValue } from "../../../src/client/metadata/plain-value.ts";
import { redact } from "../../../src/client/metadata/redact.ts";
import { compileRedaction, type RedactionOptions } from "../../../src/client/metadata/redaction.ts";

const gone = "[redacted]";

function redactedBy(options: RedactionOptions, value: unknown): unknown {
  return redact(value, compileRedaction({ defaultKeys: false, ...options }));
}

test("secrets are found by the words of their keys, at any depth", () => {
  const value = {
    name: "Ada",
    accessToken: "t",
    list: [{ password: { nested: true }, ok: 1 }, "password"],
    headers: { Cookie: "c", accept: "*/*" },
  };
  expect(redact(value)).toEqual({
    name: "Ada",
    accessToken: gone,
    list: [{ password: gone, ok: 1 }, "password"],
    headers: { Cookie: gone, accept: "*/*" },
  });
  expect(value.accessToken).toBe("t");
});

test("a path names one place, in any case", () => {
  const value = { headers: { "X-Id": 1, via: 2 }, "x-id": 3, other: { headers: { "x-id": 4 } } };
  expect(redactedBy({ paths: ["headers.x-id"] }, value)).toEqual({
    headers: { "X-Id": gone, via: 2 },
    "x-id": 3,
    other: { headers: { "x-id": 4 } },
  });
});

test.each([
  ["a", { a: gone, b: { a: 1, c: { a: 2 } }, l: [{ a: 3 }] }],
  ["*.a", { a: 0, b: { a: gone, c: { a: 2 } }, l: [{ a: 3 }] }],
  ["b.*", { a: 0, b: { a: gone, c: gone }, l: [{ a: 3 }] }],
  ["**.a", { a: gone, b: { a: gone, c: { a: gone } }, l: [{ a: gone }] }],
  ["b.**.a", { a: 0, b: { a: gone, c: { a: gone } }, l: [{ a: 3 }] }],
  ["b.**", { a: 0, b: gone, l: [{ a: 3 }] }],
  ["l.*.a", { a: 0, b: { a: 1, c: { a: 2 } }, l: [{ a: gone }] }],
  ["l.0", { a: 0, b: { a: 1, c: { a: 2 } }, l: [gone] }],
  ["**.c.**.a", { a: 0, b: { a: 1, c: { a: gone } }, l: [{ a: 3 }] }],
  ["**", { a: gone, b: gone, l: gone }],
  ["*", { a: gone, b: gone, l: gone }],
  ["a.b", { a: 0, b: { a: 1, c: { a: 2 } }, l: [{ a: 3 }] }],
])("%s redacts what it says", (path, expected) => {
  const value = { a: 0, b: { a: 1, c: { a: 2 } }, l: [{ a: 3 }] };
  expect(redactedBy({ paths: [path] }, value)).toEqual(expected);
});

test("dots and stars that are part of a key are written with a backslash", () => {
  const value = { "a.b": 1, a: { b: 2 }, "*": 3, "\\": 4 };
  expect(redactedBy({ paths: ["a\\.b"] }, value)).toEqual({ ...value, "a.b": gone });
  expect(redactedBy({ paths: ["\\*"] }, value)).toEqual({ ...value, "*": gone });
  expect(redactedBy({ paths: ["\\\\"] }, value)).toEqual({ ...value, "\\": gone });
});

test("a key with dots is also what lies along them", () => {
  expect(redactedBy({ paths: ["a.b"] }, { "a.b": 1, "a.b.c": 2, "a.c": 3 })).toEqual({
    "a.b": gone,
    "a.b.c": gone,
    "a.c": 3,
  });
  expect(redactedBy({ paths: ["a.b"] }, { "x.a": { b: 1 } })).toEqual({ "x.a": { b: 1 } });
  expect(redactedBy({ paths: ["x.a.b"] }, { "x.a": { b: 1 } })).toEqual({ "x.a": { b: gone } });
});

test("exceptions keep what has a word, and only that", () => {
  const rules = compileRedaction({
    keep: ["usage.tokens", "**.token_count"],
    paths: ["a.token_count"],
  });
  const value = {
    usage: { tokens: { used: 7, token: "t" } },
    tokens: 8,
    deep: [{ token_count: 9 }],
    a: { token_count: 10 },
  };
  expect(redact(value, rules)).toEqual({
    usage: { tokens: { used: 7, token: gone } },
    tokens: gone,
    deep: [{ token_count: 9 }],
    a: { token_count: gone },
  });
});

test("an exception brings nothing out of a secret, also in a key with dots", () => {
  const rules = compileRedaction({ keep: ["**.count", "usage.token"] });
  const value = { "dbPassword.count": 1, "x.count": 2, "usage.token": 3, "usage.token.count": 4 };
  expect(redact(value, rules)).toEqual({ ...value, "dbPassword.count": gone });
});

test("levels are counted as JSON has them, whatever toJSON answers", () => {
  class Level {
    readonly below: unknown;
    constructor(below: unknown) {
      this.below = below;
    }
    toJSON() {
      return { below: this.below };
    }
  }
  let value: unknown = new Date(0);
  for (let level = 0; level < 16; level += 1) value = new Level(value);
  const copy = JSON.stringify(plainValue(value, { maxDepth: 16 }));
  expect(copy).toBe(JSON.stringify(value));
  expect(JSON.stringify(plainValue([value], { maxDepth: 16 }))).toContain("[too deep]");
  const endless = { toJSON: () => ({ ...endless }) };
  expect(plainValue({ endless })).toEqual({ endless: "[too deep]" });
});

test("of notes without end the first ten are told", () => {
  const told: string[] = [];
  const value = { list: Array.from({ length: 1_000 }, () => [{}]) };
  plainValue(value, { maxDepth: 2, onNote: (path, what) => told.push(`${path}: ${what}`) });
  expect(told).toEqual(Array.from({ length: 10 }, (_none, at) => `list.${at}: too deep`));
});

test("names and request are reached by paths that name their part", () => {
  const reached = (...paths: string[]) => {
    const redaction = compileRedaction({ paths });
    const fields = [
      "actor.name",
      "resource.name",
      "context.userAgent",
      "context.ipAddress",
    ] as const;
    return fields.filter((field) => redaction.has(field));
  };
  expect(reached()).toEqual([]);
  expect(reached("actor.name")).toEqual(["actor.name"]);
  expect(reached("Context.useragent", "resource.*")).toEqual([
    "resource.name",
    "context.userAgent",
  ]);
  expect(reached("context")).toEqual(["context.userAgent", "context.ipAddress"]);
  expect(reached("context.**")).toEqual(["context.userAgent", "context.ipAddress"]);
  // Rules for any metadata do not take everyone's name away.
  expect(reached("**.name", "*.name", "name", "metadata.actor.name")).toEqual([]);
});

test.each(["", "a..b", ".a", "a.", `${"a.".repeat(70)}a`])("%j is refused as a path", (path) => {
  expect(() => compileRedaction({ paths: [path] })).toThrow(TypeError);
  expect(() => compileRedaction({ keep: [path] })).toThrow(TypeError);
});

test("getters of redacted keys are not called, others' failures are a note", () => {
  const value = {
    get password(): never {
      throw new Error("called");
    },
    get broken(): never {
      throw new Error("called");
    },
  };
  expect(redact(value)).toEqual({ password: gone, broken: "[unreadable]" });
});

test("what JSON does not have becomes text or goes, cycles and depths end", () => {
  const cycle: Record<string, unknown> = { big: 2n ** 70n, not: Number.NaN, none: undefined };
  cycle.self = cycle;
  cycle.map = new Map<unknown, unknown>([
    ["token", 1],
    [2, new Set([3])],
  ]);
  cycle.date = new Date(0);
  cycle.bytes = new Uint8Array(4);
  cycle.error = new TypeError("bad");
  cycle.list = [() => 1, Symbol("s")];
  cycle.__proto__x = Object.create(null);
  expect(redact(cycle)).toEqual({
    big: "1180591620717411303424",
    not: "NaN",
    self: "[circular]",
    map: { token: gone, 2: [3] },
    date: "1970-01-01T00:00:00.000Z",
    bytes: "[4 bytes]",
    error: "TypeError: bad",
    list: [null, null],
    __proto__x: {},
  });
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  expect(JSON.stringify(redact(deep))).toContain("[too deep]");
  expect(redact(() => 1)).toBeUndefined();
  expect(redact({ list: new Array(4_000_000_000) })).toBe("[too many values]");
});

test("a key named __proto__ is a key like any other", () => {
  const value = JSON.parse('{"__proto__": {"token": 1, "a": 2}}');
  expect(JSON.stringify(redact(value))).toBe('{"__proto__":{"token":"[redacted]","a":2}}');
});

test("hostile objects do not get through", () => {
  const trap = () => {
    throw new Error("trap");
  };
  const proxy = new Proxy({}, { ownKeys: trap, get: trap, has: trap, getPrototypeOf: trap });
  expect(redact({ proxy, toJSON: undefined, ok: 1 })).toEqual({ proxy: "[unreadable]", ok: 1 });
  expect(redact({ toJSON: trap })).toBe("[unreadable]");
});

const keys = fc.constantFrom("a", "b", "c", "A", "token", "accessToken", "a.b");
const trees = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.constant("value"),
    fc.dictionary(keys, tie("tree"), { maxKeys: 3 }),
    fc.array(tie("tree"), { maxLength: 2 }),
  ),
})).tree;
const patterns = fc
  .array(fc.constantFrom("a", "b", "*", "**", "0"), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join("."));

/** Whether a path, as it is defined, matches a pattern: the longest way round, by trying everything. */
function matches(path: readonly string[], pattern: readonly string[]): boolean {
  const [segment, ...rest] = pattern;
  if (segment === undefined) return path.length === 0;
  if (segment === "**") {
    return path.some((_key, at) => matches(path.slice(at), rest)) || matches([], rest);
  }
  const [key, ...below] = path;
  return key !== undefined && (segment === "*" || segment === key) && matches(below, rest);
}

/** The same by definition: one path after another. */
function byDefinition(
  value: unknown,
  rules: readonly string[],
  path: readonly string[] = [],
): unknown {
  // A key with a dot may be read either way, so that of each key both are tried.
  const readings = path.reduce<string[][]>(
    (all, key) => [
      ...all.map((one) => [...one, key.toLowerCase()]),
      ...(key.includes(".") ? all.map((one) => [...one, ...key.toLowerCase().split(".")]) : []),
    ],
    [[]],
  );
  const isMatch = readings.some((reading) =>
    reading.some((_key, at) =>
      rules.some((rule) => matches(reading.slice(0, at + 1), rule.split("."))),
    ),
  );
  if (isMatch || /token/i.test(path.at(-1) ?? "")) return gone;
  if (Array.isArray(value)) {
    return value.map((item, at) => byDefinition(item, rules, [...path, String(at)]));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, byDefinition(item, rules, [...path, key])]),
  );
}

test("property: what is redacted is what the rules name, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.array(trees, { maxLength: 3 }),
      fc.array(patterns, { maxLength: 4 }),
      (values, paths) => {
        const redaction = compileRedaction({ paths });
        for (const value of values) {
          if (typeof value !== "object") continue;
          expect(redact(value, redaction)).toEqual(byDefinition(value, paths));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("property: without rules a copy is what JSON makes of it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.stringify(plainValue(value))).toBe(JSON.stringify(value));
    }),
  );
});

test("keys made of data do not fill the memory, and stay judged rightly", () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const heapBytes = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const redaction = compileRedaction({ paths: ["**.ssn"] });
  const before = heapBytes();
  for (let round = 0; round < 50_100; round += 1) {
    // Of memory of its own: padStart would share the padding.
    const key = Buffer.alloc(round < 50_000 ? 200 : 100_000, `key-${round} `).toString();
    const place = redaction.root.at(key);
    expect(place?.at("ssn")).toBeUndefined();
    expect(place?.at("ok")).toBeDefined();
  }
  // Kept, the short keys and the long ones would be 10 MB each at least.
  expect(heapBytes() - before).toBeLessThan(6_000_000);
  expect(redaction.root.at("token")).toBeUndefined();
});

test("minus zero is zero, as in JSON", () => {
  expect(plainValue([-0])).toEqual([0]);
});
