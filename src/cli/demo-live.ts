/** What `annals demo` does once there is a server. Loaded only when it runs. */
import { pause } from "../client/backoff.ts";
import { createAuditClient } from "../client/client.ts";
import type { TeamIdText } from "../client/new-entry.ts";
import { createRecorder } from "../client/recorder/create-recorder.ts";
import type { Recorder } from "../client/recorder/recorder.ts";
import { clientOptions } from "./connection.ts";
import type { DemoFlags } from "./demo.ts";
import { type Random, seededRandom } from "./demo-random.ts";
import { nextEntry } from "./demo-traffic.ts";
import { createWorld, type World } from "./demo-world.ts";
import { describeError } from "./failure.ts";
import { print, warn } from "./output.ts";
import { plainText } from "./plain-text.ts";

/** People, programs and hosts are the same in every run. */
const worldSeed = 1843;
const historyEntries = 200;
const historyMs = 6 * 3_600_000;

/** What {@link live} needs. */
export interface LiveFlags extends DemoFlags {
  url: string;
  /** A link that opens the dashboard, signed in. */
  link?: string;
  /** How the CLI is called so that it finds the server; `npx annals` unless given. */
  annals?: string;
}

/** Has things happen and records them, until the signal. */
export async function live(flags: LiveFlags, signal: AbortSignal): Promise<void> {
  const options = await clientOptions(flags);
  const { teamId, fresh } = await findTeam(options);
  await using recorder = createRecorder({ ...options, backoff: { baseMs: 250, maxMs: 5_000 } });
  reportTrouble(recorder);
  const random = seededRandom(flags.seed);
  const world = createWorld(seededRandom(worldSeed), teamId);
  if (fresh) recordHistory(recorder, world, random);
  await print(`${introduction(flags, world)}\n`);
  while (!signal.aborted) {
    const burst = random.chance(0.05) ? random.int(4, 12) : 1;
    for (let i = 0; i < burst; i++) recorder.record(nextEntry(world, random));
    // Exponential gaps, as of many people acting independently; a burst is paid for by longer ones.
    const gapMs = (-Math.log(1 - random.next()) * 1000 * burst) / flags.rate;
    await pause(Math.min(gapMs, 10_000), signal);
  }
}

/** The token's own team; if its log is empty, the team's creation becomes the first entry. */
async function findTeam(
  options: Awaited<ReturnType<typeof clientOptions>>,
): Promise<{ teamId: TeamIdText; fresh: boolean }> {
  using client = createAuditClient(options);
  const { entries } = await client.listPage({ pageSize: 1 });
  if (entries[0]) return { teamId: entries[0].teamId, fresh: false };
  const { teamId } = await client.record({
    actor: { type: "system" },
    action: "team.create",
    occurTime: new Date(Date.now() - historyMs),
  });
  return { teamId, fresh: true };
}

function recordHistory(recorder: Recorder, world: World, random: Random): void {
  const times = Array.from({ length: historyEntries }, () => Date.now() - random.int(0, historyMs));
  for (const time of times.toSorted((a, b) => a - b)) {
    recorder.record({ ...nextEntry(world, random), occurTime: new Date(time) });
  }
}

/** What a recorder does not throw, on standard error: refusals each, an outage once. */
function reportTrouble(recorder: Recorder): void {
  recorder.on("refused", ({ reason, message }) => warn(plainText(`${reason}: ${message}`)));
  recorder.on("dropped", ({ reason, entries }) => warn(`${entries} entries dropped: ${reason}`));
  recorder.on("unreachable", ({ error, failures }) => {
    if (failures === 1) warn(...describeError(error));
  });
}

function introduction(flags: LiveFlags, { teams }: World): string {
  const { url, rate, link, annals = "npx annals" } = flags;
  const [own, other] = teams;
  const look =
    link === undefined ? "" : `\nLook at it (the link signs you in, for 12 hours):\n\n  ${link}\n`;
  return `
The demo is at ${url}: about ${rate} entries a second. Ctrl-C ends it.
${look}
In another terminal, in this directory:

  ${annals} tail --last 10               watch ${own?.name ?? "the team"} live
  ${annals} tail --all-teams             watch every team
  ${annals} list --status error          what went wrong
  ${annals} list --action destroy --since 1h --json
  ${annals} list --team ${other?.id ?? ""}
`;
}
