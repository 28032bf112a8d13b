import { expect, test } from "vitest";
import { formatQuery, parseQuery } from "../../src/dashboard/filter/query-line.ts";
import {
  addTerm,
  onlyTerm,
  removeTerm,
  type Term,
  toggleTerm,
  withTimes,
} from "../../src/dashboard/filter/term.ts";

const terms = (line: string): Term[] =>
  parseQuery(line, 0).terms.map(({ field, values, isExcluded }) => ({ field, values, isExcluded }));
const [create] = terms("action:create") as [Term];
const [notCreate] = terms("-action:create") as [Term];

test("a condition is added as an alternative of its field, once", () => {
  expect(formatQuery(addTerm(terms("status:error action:destroy"), create))).toBe(
    "status:error action:destroy,create",
  );
  expect(formatQuery(addTerm(terms("action:create"), create))).toBe("action:create");
});

test("what is left out is no longer asked for, and the other way round", () => {
  expect(formatQuery(addTerm(terms("action:create,destroy"), notCreate))).toBe(
    "action:destroy -action:create",
  );
  expect(formatQuery(addTerm(terms("-action:create status:error"), create))).toBe(
    "status:error action:create",
  );
});

test("only one value of a field stays, and other exclusions of the field do", () => {
  expect(formatQuery(onlyTerm(terms("action:a,b -action:c,create"), "action", "create"))).toBe(
    "-action:c action:create",
  );
});

test("a time takes the place of the one before", () => {
  const [since] = terms("since:7d") as [Term];
  expect(formatQuery(addTerm(terms("since:24h -since:1h"), since))).toBe("-since:1h since:7d");
});

test("a condition is removed, or turned round", () => {
  const all = terms("action:create status:error");
  expect(formatQuery(removeTerm(all, all[0] as Term))).toBe("status:error");
  expect(formatQuery(toggleTerm(all, all[1] as Term))).toBe("action:create -status:error");
});

test("a range takes the place of the one before, and may be open", () => {
  const before = terms("since:24h until:1h action:create -until:7d");
  expect(formatQuery(withTimes(before, { since: "7d" }))).toBe("action:create -until:7d since:7d");
  expect(formatQuery(withTimes(before, {}))).toBe("action:create -until:7d");
});
