/** `npm run bench`: measures what is promised, each figure beside a baseline from the same run. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { dashboard } from "./dashboard.ts";
import { openPostgres } from "./database.ts";
import { describeMachine } from "./machine.ts";
import { proofs } from "./proofs.ts";
import { recorder } from "./recorder.ts";
import { isMet, Report } from "./report.ts";
import type { Suite } from "./suite.ts";
import { summarize } from "./summarize.ts";

const suites: readonly Suite[] = [proofs, recorder, summarize, dashboard];

const usage = `npm run bench -- [suite …] [options]; without a suite, all of them

${suites.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join("\n")}

  --entries <n>  entries in the largest log (default 1000000)
  --seconds <n>  seconds of what is measured over time (default 60)
  --only <part>  only the parts whose names contain this
  --json <file>  write the figures there as well
  --check        exit with 1 if a target is missed
  --help

BENCH_DATABASE_URL: a PostgreSQL to measure on, by a role that may create databases; else one from
npm with its default settings is started on this machine.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    entries: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "60" },
    only: { type: "string", default: "" },
    json: { type: "string" },
    check: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const entries = Number(values.entries);
const seconds = Number(values.seconds);
const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name));
const mistake =
  unknown.length > 0
    ? `no suite ${unknown.join(", ")}`
    : !Number.isInteger(entries) || entries < 1_000
      ? "--entries: 1000 or more"
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

async function run(chosen: readonly Suite[]): Promise<void> {
  await using postgres = await openPostgres();
  const machine = describeMachine(postgres.version);
  const command = ["npm run bench --", ...process.argv.slice(2)].join(" ");
  const reports: Report[] = [];
  for (const suite of chosen) {
    const report = new Report(suite.name, machine, command);
    await suite.run({ postgres, report, entries, seconds, only: values.only });
    report.finish();
    reports.push(report);
  }
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(reports, null, 2));
  const missed = reports.flatMap(({ claims }) => claims).some((claim) => !isMet(claim));
  if (values.check && missed) process.exitCode = 1;
}
