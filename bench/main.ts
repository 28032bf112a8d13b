/** `npm run bench`: measures what is promised, each figure beside a baseline from the same run. */
import { access, constants, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dashboard } from "./dashboard.ts";
import { openPostgres } from "./database.ts";
import { list } from "./list.ts";
import { describeMachine } from "./machine.ts";
import { proofs } from "./proofs.ts";
import { record } from "./record.ts";
import { recorder } from "./recorder.ts";
import { writeGoals, writeReport } from "./report/write.ts";
import { isMet, Report } from "./report.ts";
import { openScratch } from "./scratch.ts";
import { stream } from "./stream.ts";
import type { Suite } from "./suite.ts";
import { summarize } from "./summarize.ts";

const suites: readonly Suite[] = [record, stream, list, proofs, recorder, summarize, dashboard];

const usage = `npm run bench -- [suite …] [options]; without a suite, all of them

${suites.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join("\n")}

  --quick        small sizes and two rounds: all of it in five minutes, for a first look
  --rounds <n>   how often contestants take turns (default 5, quick 2)
  --entries <n>  entries in the largest log (default 1000000, quick 10000)
  --seconds <n>  seconds of what is measured over time (default 60, quick 2)
  --only <part>  only the parts whose names contain this
  --out <dir>    where the reports go (default bench/results, and its scratch with --quick or --only)
  --check        exit with 1 if a target is missed
  --help

BENCH_DATABASE_URL: a PostgreSQL to measure on, by a role that may create databases; else one from
npm with its default settings is started on this machine.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    entries: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string", default: "" },
    out: { type: "string" },
    check: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const { quick } = values;
const isPartial = quick || values.only !== "";
const results = isPartial ? "results/scratch" : "results";
const directory = values.out ?? fileURLToPath(new URL(results, import.meta.url));
const entries = Number(values.entries ?? (quick ? 10_000 : 1_000_000));
const seconds = Number(values.seconds ?? (quick ? 2 : 60));
const rounds = Number(values.rounds ?? (quick ? 2 : 5));
const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name));
const mistake =
  unknown.length > 0
    ? `no suite ${unknown.join(", ")}`
    : !Number.isInteger(entries) || entries < 1_000
      ? "--entries: 1000 or more"
      : !Number.isInteger(rounds) || rounds < 1
        ? "--rounds: 1 or more"
        : !(seconds > 0)
          ? "--seconds: above 0"
          : undefined;
if (values.help) {
  process.stdout.write(usage);
} else if (mistake !== undefined) {
  process.stderr.write(`${mistake}\n\n${usage}`);
  process.exitCode = 2;
} else {
  await run(suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name)));
}

/** Runs suites; after one that fails the others go on. */
async function run(chosen: readonly Suite[]): Promise<void> {
  // Before hours of work: whether there is a place for what they bring.
  await mkdir(directory, { recursive: true });
  await access(directory, constants.W_OK);
  await using postgres = await openPostgres();
  using _scratch = openScratch();
  const machine = describeMachine(postgres);
  const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");
  const reports: Report[] = [];
  for (const suite of chosen) {
    const report = new Report(suite.name, machine, command);
    reports.push(report);
    try {
      await suite.run({ postgres, report, entries, seconds, rounds, quick, only: values.only });
    } catch (error) {
      report.fail(suite.name, error);
    }
    report.finish();
    if (report.failures.length > 0) process.exitCode = 1;
    if (report.parts.length > 0) await writeReport(directory, report);
  }
  if (reports.every(({ parts }) => parts.length === 0)) {
    process.stderr.write(`no part of these suites has a name with ${values.only} in it\n`);
    process.exitCode = 2;
    return;
  }
  process.stdout.write(await writeGoals(directory, reports, { others: !isPartial }));
  const missed = reports.flatMap(({ claims }) => claims).some((claim) => !isMet(claim));
  if (values.check && missed) process.exitCode = 1;
}
