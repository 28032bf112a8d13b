/** `annals demo`: the server with entries arriving all the time. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { Command, InvalidArgumentError, Option } from "commander";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { ActorType } from "../../gen/audit/v1/entry_pb.ts";
import { backoffMs, pause } from "../client/backoff.ts";
import { connect } from "./connection.ts";
import { type Random, seededRandom } from "./demo-random.ts";
import { type EntryInit, nextEntry } from "./demo-traffic.ts";
import { createWorld, type World } from "./demo-world.ts";
import { newEntryId } from "./entry-id.ts";
import { describeError, exitCodeOf, UsageError } from "./failure.ts";
import { print, warn } from "./output.ts";
import { plainText } from "./plain-text.ts";
import { untilInterrupted } from "./signals.ts";

/** People, programs and hosts are the same in every run. */
const worldSeed = 1843;
const historyEntries = 200;
const historyMs = 6 * 3_600_000;

interface DemoFlags {
  rate: number;
  url?: string;
  token?: string;
  seed: number;
}

/** The command. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("run the server with realistic entries arriving all the time; ends with Ctrl-C")
    .option("--rate <n>", "entries a second, on average", positiveNumber, 4)
    .option("--url <url>", "record into a server that runs already, instead of starting one")
    .addOption(new Option("--token <token>", "a platform admin's token for it").env("ANNALS_TOKEN"))
    .option("--seed <n>", "what happens; the same seed tells the same story", Number, Date.now())
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  using interrupted = untilInterrupted();
  const { signal } = interrupted;
  if (flags.url !== undefined) return await live({ ...flags, url: flags.url }, signal);
  const { loadConfig } = await import("../config.ts");
  const { createLogger } = await import("../logger.ts");
  const { startServer } = await import("../server/server.ts");
  const config = loadConfig(process.env);
  if (config.production) throw new UsageError("not with DATABASE_URL or NODE_ENV=production");
  const server = await startServer(config, createLogger("warn"));
  try {
    await live({ ...flags, url: server.url }, signal);
  } finally {
    await server.close();
  }
}

async function live(flags: DemoFlags & { url: string }, signal: AbortSignal): Promise<void> {
  using client = await connect(flags);
  const random = seededRandom(flags.seed);
  const { teamId, fresh } = await findTeam(client.audit);
  const world = createWorld(seededRandom(worldSeed), teamId);
  if (fresh) await recordHistory(client.audit, world, random, signal);
  await print(`${introduction(flags, world)}\n`);
  while (!signal.aborted) {
    const burst = random.chance(0.05) ? random.int(4, 12) : 1;
    const entries = Array.from({ length: burst }, () => stamped(nextEntry(world, random)));
    await recordAll(client.audit, entries, signal);
    // Exponential gaps, as of many people acting independently; a burst is paid for by longer ones.
    const gapMs = (-Math.log(1 - random.next()) * 1000 * burst) / flags.rate;
    await pause(Math.min(gapMs, 10_000), signal);
  }
}

/** The token's own team; if its log is empty, the team's creation becomes the first entry. */
async function findTeam(
  audit: Client<typeof AuditService>,
): Promise<{ teamId: string; fresh: boolean }> {
  const { entries } = await audit.list({ pageSize: 1 });
  if (entries[0]) return { teamId: entries[0].teamId, fresh: false };
  const opening = { actor: { type: ActorType.SYSTEM, id: "system" }, action: "team.create" };
  const { entry } = await audit.record({ entry: stamped(opening, Date.now() - historyMs) });
  return { teamId: entry?.teamId ?? "", fresh: true };
}

async function recordHistory(
  audit: Client<typeof AuditService>,
  world: World,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const times = Array.from({ length: historyEntries }, () => Date.now() - random.int(0, historyMs));
  const entries = times
    .toSorted((a, b) => a - b)
    .map((occurTimeMs) => stamped(nextEntry(world, random), occurTimeMs));
  await recordAll(audit, entries, signal);
}

/** Records the entries, again and again while the server is unavailable. */
async function recordAll(
  audit: Client<typeof AuditService>,
  entries: EntryInit[],
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      const { results } = await audit.recordBatch({ entries });
      for (const { outcome } of results) {
        if (outcome.case !== "error") continue;
        const fields = outcome.value.fieldViolations.map(
          (each) => `${each.field}: ${each.description}`,
        );
        warn(plainText([outcome.value.message, ...fields].join("; ")));
      }
      return;
    } catch (error) {
      if (exitCodeOf(error) !== 5) throw error;
      if (failures === 1) warn(...describeError(error));
      await pause(backoffMs(failures, { baseMs: 250, maxMs: 5_000 }), signal);
    }
  }
}

function stamped(entry: EntryInit, occurTimeMs = Date.now()): EntryInit {
  return { ...entry, id: newEntryId(), occurTime: timestampFromMs(occurTimeMs) };
}

function introduction({ url, rate }: DemoFlags & { url: string }, { teams }: World): string {
  const [own, other] = teams;
  return `
The demo is at ${url}: about ${rate} entries a second. Ctrl-C ends it.
In another terminal, in this directory:

  npx annals tail --last 10               watch ${own?.name ?? "the team"} live
  npx annals tail --all-teams             watch every team
  npx annals list --status error          what went wrong
  npx annals list --action destroy --since 1h --json
  npx annals list --team ${other?.id ?? ""}
`;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1_000) return value;
  throw new InvalidArgumentError("It must be a number above 0, at most 1000.");
}
