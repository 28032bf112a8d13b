import { expect, test, vi } from "vitest";
import type { Machine } from "../../bench/machine.ts";
import { goalTable } from "../../bench/report/goal-table.ts";
import { Report } from "../../bench/report.ts";
import { median, medianRatio } from "../../bench/samples.ts";

const machine = { settings: {}, commit: "abc", memoryGiB: 1, load: 0 } as unknown as Machine;
const claim = { what: "a rate", unit: "/s", target: { atLeast: 5 } } as const;
const axis = { label: "x", scale: "log" } as const;

function newReport(): Report {
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  return new Report("suite", machine, "npm run bench");
}

test("a part that fails leaves no figures, whatever it had found before", async () => {
  const report = newReport();
  await report.part("good", async () => report.claim({ ...claim, measured: 7 }));
  const printed = vi.mocked(process.stdout.write);
  printed.mockClear();
  await report.part("bad", async () => {
    report.table({ title: "A table", columns: [""], rows: [["wrong"]] });
    report.claim({ ...claim, measured: 1_000 });
    report.curve({ title: "A curve", x: axis, y: axis, series: [] });
    throw new Error("9 acknowledged, 8 in the database");
  });
  expect(report.tables).toEqual([]);
  expect(report.curves).toEqual([]);
  expect(report.claims.map(({ measured }) => measured)).toEqual([7]);
  expect(report.failures).toEqual([{ part: "bad", why: "9 acknowledged, 8 in the database" }]);
  expect(printed.mock.calls.join("")).not.toContain("wrong");
});

test("the table of goals tells a figure, a figure that is none, and what has no curve", async () => {
  const report = newReport();
  report.claim({ ...claim, goal: "unary-record", measured: 7 });
  report.claim({ ...claim, goal: "fan-out", measured: Number.NaN });
  report.curve({ title: "Rates", goal: "unary-record", x: axis, y: axis, series: [] });
  const rows = goalTable([report]).split("\n");
  expect(rows.find((row) => row.includes("unary `Record` a second"))).toMatch(/7 \/s.* meets/);
  expect(rows.find((row) => row.includes("| fan-out"))).toMatch(/– \/s.* \*\*misses\*\*/);
  expect(rows.find((row) => row.includes("| append cost"))).toContain("not measured");
  expect(rows.find((row) => row.includes("as a curve"))).toMatch(/Rates .*no curve: fan-out/);
});

test("a median is of any order, and ratios are taken round by round", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 3])).toBe(4);
  expect(medianRatio([10, 2, 30], [1, 2, 10])).toBe(3);
});
