import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EntryFilter, filterMessage } from "../../src/client/entry-filter.ts";
import {
  isTimeField,
  type QueryField,
  queryFields,
} from "../../src/dashboard/filter/query-fields.ts";
import {
  entryIdIn,
  formatQuery,
  parseQuery,
  type Term,
  withFixedTimes,
} from "../../src/dashboard/filter/query-line.ts";

const now = Date.parse("2026-11-22T07:30:00Z");
const hour = 3_600_000;

/** What a line without mistakes means. */
function filterOf(line: string): EntryFilter {
  const { filter, mistakes } = parseQuery(line, now);
  expect(mistakes).toEqual([]);
  return filter as EntryFilter;
}

/** What is wrong with a line, and the text that it is about. */
function mistakesOf(line: string): [about: string, message: string][] {
  const { filter, mistakes } = parseQuery(line, now);
  expect(filter).toBeUndefined();
  return mistakes.map(({ start, end, message }) => [line.slice(start, end), message]);
}

const fieldNames = Object.keys(queryFields) as QueryField[];
const timeText = fc.oneof(
  fc.constantFrom("today", "yesterday", "15min", "24h", "7d", "2026-11-20", "2026-11-20T14:30"),
  fc.nat(999_999).map((n) => `${n % 9_999}h`),
  fc
    .date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString()),
);
const valueText = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...' ,:"\\-\t\n“”ua\u202e\u200b'), minLength: 1 }),
  )
  .filter((text) => !text.includes("\0") && new TextEncoder().encode(text).length <= 256);
const arbitraryTerm: fc.Arbitrary<Term> = fc.constantFrom(...fieldNames).chain((field) => {
  const { words } = queryFields[field];
  const value = words ? fc.constantFrom(...words) : isTimeField(field) ? timeText : valueText;
  return fc.record({
    field: fc.constant(field),
    values: fc.array(value, { minLength: 1, maxLength: isTimeField(field) ? 1 : 5 }),
    isExcluded: fc.boolean(),
  });
});

describe("every line", () => {
  test("that is written for some conditions is read as the same conditions", () => {
    fc.assert(
      fc.property(fc.array(arbitraryTerm, { maxLength: 8 }), (terms) => {
        const { terms: read } = parseQuery(formatQuery(terms), now);
        expect(read.map(({ start: _start, end: _end, ...term }) => term)).toEqual(terms);
      }),
      { numRuns: 500 },
    );
  });

  test("stays itself when it is read and written again", () => {
    fc.assert(
      fc.property(fc.array(arbitraryTerm, { maxLength: 8 }), (terms) => {
        const line = formatQuery(terms);
        expect(formatQuery(parseQuery(line, now).terms)).toBe(line);
      }),
    );
  });

  test("is read without throwing, and has either a filter or mistakes within it", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        ...' ,:"\\-',
        ...fieldNames,
        "since:",
        "-",
        "24h",
        "\\u12",
        "usr-1",
        "\ud800",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const line = pieces.join("");
        const { filter, mistakes } = parseQuery(line, now);
        expect(filter === undefined).toBe(mistakes.length > 0);
        if (filter) expect(() => filterMessage(filter)).not.toThrow();
        for (const { start, end } of mistakes) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(line.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("what a line means", () => {
  test("an empty line is everything", () => {
    expect(filterOf("")).toEqual({});
    expect(filterOf("  \t ")).toEqual({});
  });

  test("every field of the API's filter can be said, and left out", () => {
    const fields =
      "type:sandbox,snapshot resource:sb-1 action:create,destroy actor:usr-1 actor_type:user,api_key" +
      " scope:team,admin status:error,warning request:r-1" +
      " since:2026-11-20 until:2026-11-21 occurred_since:2026-11-18 occurred_until:2026-11-19";
    const expected = {
      resourceTypes: ["sandbox", "snapshot"],
      resourceIds: ["sb-1"],
      actions: ["create", "destroy"],
      actorIds: ["usr-1"],
      actorTypes: ["user", "api_key"],
      scopes: ["team", "admin"],
      statuses: ["error", "warning"],
      requestIds: ["r-1"],
      recordTime: { from: new Date("2026-11-20"), to: new Date("2026-11-21") },
      occurTime: { from: new Date("2026-11-18"), to: new Date("2026-11-19") },
    };
    expect(filterOf(fields)).toEqual(expected);
    expect(filterOf(fields.replaceAll(/(^| )/g, "$1-"))).toEqual({ exclude: expected });
  });

  test("a field that is there twice has the alternatives of both, each once", () => {
    expect(filterOf("action:create status:error action:destroy,create")).toEqual({
      actions: ["create", "destroy"],
      statuses: ["error"],
    });
  });

  test("quotes hold spaces, commas, colons, quotes and anything by its code", () => {
    expect(filterOf(String.raw`resource:"a b","c,d","-e:f","say \"hi\"","\u202e\\"`)).toEqual({
      resourceIds: ["a b", "c,d", "-e:f", 'say "hi"', "\u202e\\"],
    });
  });

  test("a colon in a value needs no quotes", () => {
    expect(filterOf("actor:spiffe://prod/billing")).toEqual({
      actorIds: ["spiffe://prod/billing"],
    });
  });

  test("a bare id is understood by its prefix", () => {
    expect(filterOf("usr-7f0c -key-1 sb-2,host-3")).toEqual({
      actorIds: ["usr-7f0c"],
      resourceIds: ["sb-2", "host-3"],
      exclude: { actorIds: ["key-1"] },
    });
  });

  test.each([
    ["since:24h", { from: now - 24 * hour }],
    ["since:15min", { from: now - hour / 4 }],
    ["since:15m until:30s", { from: now - hour / 4, to: now - 30_000 }],
    ["since:2w", { from: now - 14 * 24 * hour }],
    ["since:yesterday until:today", { from: Date.UTC(2026, 10, 21), to: Date.UTC(2026, 10, 22) }],
    ["since:2026-11-20T14:30", { from: Date.UTC(2026, 10, 20, 14, 30) }],
    ["since:2026-11-20T14:30:15.250+01:00", { from: Date.UTC(2026, 10, 20, 13, 30, 15, 250) }],
    ["since:0001-01-01", { from: Date.parse("0001-01-01T00:00:00Z") }],
  ])("%s is a time", (line, range) => {
    const dates = Object.entries(range).map(([bound, ms]) => [bound, new Date(ms)]);
    expect(filterOf(line)).toEqual({ recordTime: Object.fromEntries(dates) });
  });

  test("a day begins at midnight where the reader is, also on the day the clock changes", () => {
    const zone = process.env.TZ;
    process.env.TZ = "Europe/Vienna";
    try {
      const { filter, terms } = parseQuery("since:2026-10-25 until:2026-10-26", now, "local");
      expect(filter?.recordTime).toEqual({
        from: new Date("2026-10-24T22:00:00Z"),
        to: new Date("2026-10-25T23:00:00Z"),
      });
      expect(formatQuery(withFixedTimes(terms, now, "local"))).toBe(
        "since:2026-10-25T00:00+02:00 until:2026-10-26T00:00+01:00",
      );
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  test("times are fixed for the link, and those that are meant to move are not", () => {
    const { terms } = parseQuery(
      "since:2026-11-20 occurred_since:24h -until:2026-11-20T10:00Z",
      now,
    );
    expect(formatQuery(withFixedTimes(terms, now, "UTC"))).toBe(
      "since:2026-11-20T00:00Z occurred_since:24h -until:2026-11-20T10:00Z",
    );
  });

  test("a hundred values are a line", () => {
    const values = Array.from({ length: 98 }, (_, i) => `a${i}`).join(",");
    expect(filterOf(`action:${values} since:24h until:1h`).actions).toHaveLength(98);
  });
});

describe("mistakes", () => {
  test.each([
    ["create", "create", "Say what it is: action:create, actor:create or resource:create"],
    ["error", "error", "Say what it is: status:error"],
    ["colour:red", "colour:red", 'There is no field "colour": the fields are action, actor,'],
    ["user:usr-1", "user:usr-1", 'There is no field "user": write actor:'],
    ["statis:error", "statis:error", 'There is no field "statis": write status:'],
    ["status", "status", "What about it? Write status: and a value"],
    ["Action:create", "Action:create", 'There is no field "Action": write action:'],
    ["constructor:x", "constructor:x", 'There is no field "constructor"'],
    ["toString", "toString", "Say what it is"],
    ["action:", "", "action: needs a value"],
    ["action:create, destroy", "", "action: needs a value"],
    ["status:failed", "failed", "status: is one of success, info, warning, error"],
    ["since:soon", "soon", "since: takes a time"],
    ["since:2026-02-30", "2026-02-30", "since: takes a time"],
    ["since:0000-12-31", "0000-12-31", "since: takes a time"],
    ["since:999999w", "999999w", "since: takes a time"],
    ["since:24h,7d", "7d", "since: can be there once only"],
    ["since:1h until:24h", "1h until:24h", "The range is empty"],
    ["-since:1h -until:1h", "1h -until:1h", "The range is empty"],
    ['action:"create', '"create', "The quotation is not closed"],
    ['action:"a"b', "b", "After a quotation comes a space or a comma"],
    ['action:a"b', 'a"b', "A value with a quotation mark is put in quotes"],
    ["action:“a”", "“a”", "Use straight quotes"],
    [String.raw`action:"\q"`, String.raw`"\q"`, String.raw`\q means nothing`],
    [`action:${"é".repeat(129)}`, "é".repeat(129), "No entry has this"],
    ['action:"\\u0000"', '"\\u0000"', "No entry can hold this text"],
    ['action:"\\ud800"', '"\\ud800"', "No entry can hold this text"],
  ])("%s", (line, about, message) => {
    const [first] = mistakesOf(line);
    expect(first?.[0]).toBe(about);
    expect(first?.[1].slice(0, message.length)).toBe(message);
  });

  test("more than a hundred values, exclusions and bounds counted", () => {
    const values = Array.from({ length: 99 }, (_, i) => `a${i}`).join(",");
    expect(
      mistakesOf(`-action:${values} since:24h until:1h`).map(([, message]) => message),
    ).toEqual(["A line can have 100 values at most; this one has 101"]);
  });

  test("all of them are told, and what is right beside them is kept as it is", () => {
    const line = "action:create nonsense status:failed";
    expect(mistakesOf(line)).toHaveLength(2);
    expect(parseQuery(line, now).terms.map(({ field }) => field)).toEqual(["action", "status"]);
  });

  test("a line as long as an address can be is read at once", () => {
    expect(mistakesOf(`action:${'"a\\'.repeat(500_000)}`)).not.toEqual([]);
    expect(mistakesOf("-".repeat(1_000_000))).not.toEqual([]);
    const values = Array.from({ length: 300_000 }, (_, i) => i.toString(36)).join(",");
    const line = `type:a action:${values}`;
    expect(parseQuery(line, now).mistakes).toEqual([
      expect.objectContaining({ start: 5, end: line.length }),
    ]);
  });
});

test("an entry's id alone opens the entry, and is no condition among others", () => {
  const id = "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61";
  expect(entryIdIn(` ${id} `)).toBe(id);
  expect(entryIdIn(`action:create ${id}`)).toBeUndefined();
  expect(mistakesOf(`action:create ${id}`)[0]?.[1]).toMatch("enter it alone");
});
