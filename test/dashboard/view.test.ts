import { expect, test } from "vitest";
import { formatView, parseView, plainView, viewIn } from "../../src/dashboard/view/view.ts";

const parse = (search: string) => parseView(new URLSearchParams(search));

test("a view is its address, and the address its view", () => {
  const view = {
    team: "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
    query: 'action:"a b" -status:success',
    entry: "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61",
    entryTeam: undefined,
    isLive: true,
    at: Date.UTC(2026, 10, 22, 7, 31, 5, 123),
  };
  expect(parseView(formatView(view))).toEqual(view);
  expect(String(formatView(plainView))).toBe("");
});

test("what is no team and no time in an address is as if it were not there", () => {
  for (const at of ["", "1", "+275760-09-13T00:00:00.000Z", "2026-02-30T00:00:00Z", "NaN"]) {
    expect(parse(`at=${encodeURIComponent(at)}`)).toEqual(plainView);
  }
  for (const team of ["", "ALL", "team-1", "team-5B1F3A52-5C0E-4F0E-8F8B-3D2A6F9E7C11", "../all"]) {
    expect(parse(`team=${encodeURIComponent(team)}`)).toEqual(plainView);
  }
});

test("a pasted address of the page is its view, and of another page none", () => {
  const origin = "https://audit.example.com";
  const query = "action:create";
  expect(viewIn(` ${origin}/?q=action%3Acreate#token=x `, origin)).toEqual({ ...plainView, query });
  for (const text of [
    "",
    query,
    `${origin}/keys`,
    "https://other.example.com/?q=a",
    "//[",
    "//x",
  ]) {
    expect(viewIn(text, origin)).toBeUndefined();
  }
});
