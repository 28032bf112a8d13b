import fc from "fast-check";
import { expect, test } from "vitest";
import { completionsAt } from "../../src/dashboard/filter/completion.ts";
import { parseQuery } from "../../src/dashboard/filter/query-line.ts";
import { type SeenEntry, seenValues } from "../../src/dashboard/filter/seen-values.ts";

const entries: SeenEntry[] = [
  {
    action: "create",
    actor: { type: "user", id: "usr-1", name: "Ada Lovelace" },
    resource: { type: "sandbox", id: "sb-1", name: "build runner" },
  },
  { action: "user.login", actor: { type: "user", id: "usr-1", name: "Ada Lovelace" } },
  { action: "create", actor: { type: "anonymous" }, resource: { type: "snapshot", id: "a, b" } },
];
const seen = seenValues(entries);

/** The line after each way to go on, at the caret that `|` stands for. */
function lines(marked: string): string[] {
  const caret = marked.indexOf("|");
  const line = marked.replace("|", "");
  const { start, end, options } = completionsAt(line, caret, seen);
  return options.map(({ text }) => line.slice(0, start) + text + line.slice(end));
}

test("an empty line, and what comes after a space, can go on with any field", () => {
  expect(lines("|")).toContain("action:");
  expect(lines("|")).toContain("occurred_until:");
  expect(lines("action:create |")).toContain("action:create status:");
});

test("a word goes on as a field, or as a value of one", () => {
  expect(lines("sta|")).toEqual(["status:"]);
  expect(lines("-act|")).toEqual(["-action:", "-actor:", "-actor_type:"]);
  expect(lines("err|")).toEqual(["status:error"]);
  expect(lines("-err|")).toEqual(["-status:error"]);
});

test("a name is understood as the id that entries have with it", () => {
  expect(lines("lovelace|")).toEqual(["actor:usr-1"]);
  expect(lines("actor:ada|")).toEqual(["actor:usr-1"]);
  expect(completionsAt("actor:", 6, seen).options).toEqual([
    { text: "usr-1", detail: "Ada Lovelace" },
  ]);
  expect(lines("runner|")).toEqual(["resource:sb-1"]);
});

test("a field goes on with its words, with what was seen most, or with times", () => {
  expect(lines("scope:|")).toEqual(["scope:team", "scope:admin"]);
  expect(lines("action:|")).toEqual(["action:create", "action:user.login"]);
  expect(lines("action:login|")).toEqual(["action:user.login"]);
  expect(lines("since:2|")).toEqual(["since:24h"]);
});

test("a list goes on with what is not in it yet", () => {
  expect(lines("status:success,|")).toEqual(
    ["info", "warning", "error"].map((word) => `status:success,${word}`),
  );
  expect(lines("since:24h,|")).toEqual([]);
});

test("only the value at the caret is replaced", () => {
  expect(lines("status:er|ro,info scope:team")).toEqual(["status:error,info scope:team"]);
});

test("a value that needs quotes gets them", () => {
  expect(lines("resource:a|")).toEqual(['resource:"a, b"']);
});

test("whatever is typed, wherever the caret is, there is a line to go on with or none", () => {
  const piece = fc.constantFrom("action:", "-", '"', ",", " ", "a", "usr-1", "since:", "\\", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(40), (pieces, at) => {
      const line = pieces.join("");
      const caret = Math.min(at, line.length);
      const { start, end, options } = completionsAt(line, caret, seen);
      expect(start).toBeLessThanOrEqual(caret);
      expect(end).toBeGreaterThanOrEqual(caret);
      for (const { text } of options) {
        expect(() => parseQuery(line.slice(0, start) + text + line.slice(end), 0)).not.toThrow();
      }
    }),
  );
});
