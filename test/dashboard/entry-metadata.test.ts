import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { diff } from "../../src/client/metadata/diff.ts";
import { findDifferences } from "../../src/dashboard/entry/differences.ts";
import { treeRows } from "../../src/dashboard/entry/metadata-tree.ts";

const all = { turned: new Set<string>(), search: "", limit: 1_000 };

test("a small tree is open, and shows every member and item in its order", () => {
  const { rows, total } = treeRows({ vcpus: 2, network: { ports: [80, 443] }, none: {} }, all);
  expect(total).toBe(6);
  expect(rows.map(({ depth, path }) => `${depth} ${path.join(".")}`)).toEqual([
    "0 vcpus",
    "0 network",
    "1 network.ports",
    "2 network.ports.0",
    "2 network.ports.1",
    "0 none",
  ]);
});

test("a row that is turned is closed, and opened again when it is turned back", () => {
  const metadata = { network: { ports: [80] }, name: "a" };
  const paths = (turned: readonly string[]) =>
    treeRows(metadata, { ...all, turned: new Set(turned) }).rows.map(({ path }) => path.join("."));
  expect(paths(["0"])).toEqual(["network", "name"]);
  expect(paths([])).toEqual(["network", "network.ports", "network.ports.0", "name"]);
});

test("of a large tree only the top is open, and no more rows come than were asked for", () => {
  const metadata = { list: Array.from({ length: 10_000 }, (_, i) => i), name: "a" };
  expect(treeRows(metadata, all)).toMatchObject({ total: 2 });
  const opened = treeRows(metadata, { ...all, turned: new Set(["0"]), limit: 50 });
  expect(opened.rows).toHaveLength(50);
  expect(opened.total).toBe(10_002);
});

test("a search finds keys and values in either case, wherever they are, and says where", () => {
  const metadata = { a: { b: [{ Colour: "Red" }, { other: "blue" }] }, red: { x: 1 } };
  const { rows, total } = treeRows(metadata, { ...all, search: " RED " });
  expect(total).toBe(2);
  expect(rows.map(({ path }) => path)).toEqual([["a", "b", "0", "Colour"], ["red"]]);
});

test("keys that mean something to JavaScript are keys like others", () => {
  const metadata = JSON.parse('{"__proto__": {"constructor": "x"}, "toString": 1}') as JsonObject;
  expect(treeRows(metadata, all).rows.map(({ path }) => path.join("."))).toEqual([
    "__proto__",
    "__proto__.constructor",
    "toString",
  ]);
});

test("sixteen levels are walked", () => {
  let deep: JsonValue = "end";
  for (let level = 0; level < 15; level++) deep = { deeper: deep };
  expect(treeRows({ top: deep }, all).total).toBe(16);
});

test("old_ and new_ members of one name are a difference, at any of the upper levels", () => {
  const metadata = {
    old_name: "a",
    new_name: "b",
    old_only: 1,
    limits: { old_vcpus: 2, new_vcpus: null },
  };
  expect(findDifferences(metadata)).toEqual({
    changes: [
      { path: "name", before: "a", after: "b" },
      { path: "limits.vcpus", before: 2, after: null },
    ],
    notes: [],
  });
});

test("what the client library's diff made is shown as it was meant", () => {
  const changes = diff(
    { a: 1, gone: true, deep: { x: [1] } },
    { a: 2, came: "y", deep: { x: [2] } },
  );
  expect(findDifferences({ reason: "test", changes: { ...changes } as JsonObject })).toEqual({
    changes: [
      { path: "a", before: 1, after: 2 },
      { path: "gone", before: true, after: undefined },
      { path: "deep.x", before: [1], after: [2] },
      { path: "came", before: undefined, after: "y" },
    ],
    notes: [],
  });
  expect(findDifferences({ ...changes } as JsonObject).changes).toHaveLength(4);
});

test("a diff that was too long says that there was more", () => {
  const before = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`field_${i}`, 1]));
  const { changes, notes } = findDifferences({ changes: { ...diff(before, {}) } as JsonObject });
  expect(changes.length).toBeGreaterThan(100);
  expect(notes).toEqual([`${3_000 - changes.length} more changes`]);
});

test("metadata that only looks a little like a difference is none", () => {
  const none = { changes: [], notes: [] };
  expect(findDifferences({})).toEqual(none);
  expect(findDifferences({ billing: { period: { from: "a", to: "b" } } })).toEqual(none);
  expect(findDifferences({ changes: { a: { from: 1, to: 2, by: "x" } } })).toEqual(none);
  expect(findDifferences({ old_name: "a", new_title: "b" })).toEqual(none);
});
