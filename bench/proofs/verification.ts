import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { verifyExport } from "../../src/client/export-verify.ts";
import { textLines } from "../../src/client/text-lines.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { formatTeamId } from "../../src/ids.ts";
import { sha256 } from "../../src/log/sha256.ts";
import type { LogShelf } from "../logs.ts";
import { figure, middle, progress } from "../report.ts";
import { cpuMicros, elapsedMillis, inTurns, median, type Rounds } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { adminToken } from "../token.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const largestFile = 100_000;
const fullRounds = 5;
const quickRounds = 1;
const targetRate = 50_000;

/** How many entries of an export are verified in a second of one core. */
export async function measureVerification(
  { report, quick }: Setting,
  shelf: LogShelf,
): Promise<void> {
  const rounds = quick ? quickRounds : fullRounds;
  const { database, logs } = await shelf.open();
  const log = logs.findLast(({ size }) => size <= largestFile) ?? logs[0];
  if (log === undefined) throw new Error("there is no log to export");
  await using server = await startServer(database.url);
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-"));
  try {
    const path = join(directory, "export.ndjson");
    const remote = ["--url", server.url, "--team", formatTeamId(log.teamId)];
    const annals = async (...args: string[]) => {
      // With nothing remembered of the log, so that every run does all the work.
      const state = await mkdtemp(join(directory, "state-"));
      await promisify(execFile)(
        process.execPath,
        [cli, ...args, "--key", server.verifierKey, "--state", state],
        { env: { ...process.env, ANNALS_TOKEN: await adminToken() } },
      );
    };
    await annals("export", ...remote, "-o", path);
    const { size: bytes } = await stat(path);
    progress(`verification: ${rounds} rounds over ${figure(log.size)} entries`);
    const chunks = () => createReadStream(path, { highWaterMark: 256 * 1024 });
    const verify = async (hash?: typeof sha256) => {
      const keys = [server.verifierKey];
      const verifier = new Verifier(hash === undefined ? { keys } : { keys, sha256: hash });
      const { opened } = await verifyExport(chunks(), verifier);
      if (opened !== log.size) throw new Error(`${opened} entries were verified`);
    };
    const parse = async () => {
      for await (const lines of textLines(chunks())) for (const line of lines) JSON.parse(line);
    };
    const cpu = await inTurns(rounds, {
      verify: () => cpuMicros(() => verify(sha256)),
      noble: () => cpuMicros(() => verify()),
      parse: () => cpuMicros(parse),
    });
    const wall = await inTurns(rounds, {
      verify: () => elapsedMillis(() => verify(sha256)),
      file: () => elapsedMillis(() => annals("verify", "--file", path)),
      remote: () => elapsedMillis(() => annals("verify", ...remote)),
    });
    const row = (name: string, samples: Rounds, unitsPerSecond: number) => {
      const micros = samples.map((sample) => (sample * 1e6) / unitsPerSecond / log.size);
      return [name, middle(micros), Math.round(1e6 / median(micros))];
    };
    report.table({
      title: `Verifying a whole log of ${figure(log.size)} entries, as an export ${figure(bytes / 2 ** 20)} MiB`,
      columns: ["", "µs an entry (median, range)", "entries a second"],
      rows: [
        row("the export, CPU time, SHA-256 of Node", cpu.verify, 1e6),
        row("the export, CPU time, SHA-256 of @noble/hashes, as in browsers", cpu.noble, 1e6),
        row("baseline: CPU time of JSON.parse of each line", cpu.parse, 1e6),
        row("the export, wall-clock time", wall.verify, 1e3),
        row("`annals verify --file`, wall-clock time from start to end", wall.file, 1e3),
        row("`annals verify` of the server's log, the same", wall.remote, 1e3),
      ],
      note:
        `${rounds} rounds. CPU time is that of all threads, garbage collection included, so that the ` +
        "rate is one core's.",
    });
    report.claim({
      what: "verification of a whole log from a file, a core",
      measured: (log.size * 1e6) / median(cpu.verify),
      unit: "entries/s",
      target: { atLeast: targetRate },
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
