/** `annals accept-rollback`: goes on with logs that contradict what was signed for them. */
import { Command } from "commander";
import { formatEntryId, formatTeamId, parseTeamId, type TeamId } from "../ids.ts";
import { base64 } from "../log/base64.ts";
import type { SignedContradiction } from "../proof/accept-rollback.ts";
import type { Checkpoints } from "../server/checkpoints.ts";
import type { Pools } from "../store/pool.ts";
import { confirm } from "./confirm.ts";
import { ReportedFailure, UsageError } from "./failure.ts";
import { print, warn } from "./output.ts";
import { plainText } from "./plain-text.ts";

interface AcceptRollbackFlags {
  team?: string;
  allTeams?: boolean;
  reason: string;
  yes?: boolean;
}

const reasonBytes = 1_024;

/** The command. It works on the database and the checkpoint store, with the server's settings. */
export function acceptRollbackCommand(): Command {
  return new Command("accept-rollback")
    .description("go on with logs that contradict what was signed for them, as after a restore")
    .option("--team <id>", "the team (team-…) whose log is accepted as it is")
    .option("--all-teams", "every team whose log contradicts what was signed")
    .option("--reason <text>", "why; it is recorded", "")
    .option("--yes", "do not ask")
    .addHelpText("after", help)
    .action(async (flags: AcceptRollbackFlags) => {
      const team = teamOf(flags);
      const reason = reasonOf(flags);
      await withLogs((logs) => accept(logs, team, reason, flags.yes ?? false));
    });
}

const help = `
Shows each log that contradicts what was signed for it, and asks. What is accepted is recorded as an
entry of the log itself, for admins; the old checkpoint stays in the checkpoint store as evidence.
Whoever has seen the old checkpoint will still find that the new log contradicts it. Servers that
refuse the log take it up again by themselves.`;

function teamOf({ team, allTeams }: AcceptRollbackFlags): TeamId | undefined {
  if ((team === undefined) === (allTeams === undefined)) {
    throw new UsageError("either --team or --all-teams is required");
  }
  if (team === undefined) return undefined;
  const teamId = parseTeamId(team);
  if (teamId === undefined) throw new UsageError("--team: must be team-{uuid}");
  return teamId;
}

function reasonOf({ reason }: AcceptRollbackFlags): string {
  if (Buffer.byteLength(reason) > reasonBytes) {
    throw new UsageError(`--reason: must be at most ${reasonBytes} bytes`);
  }
  if (!reason.isWellFormed() || reason.includes("\0")) {
    throw new UsageError("--reason: is not text that can be recorded");
  }
  return reason;
}

/** What accepting takes. */
interface Logs extends Checkpoints {
  readonly pools: Pools;
}

async function withLogs(use: (logs: Logs) => Promise<void>): Promise<void> {
  const { loadStorageConfig } = await import("../config.ts");
  const { openExistingCheckpoints } = await import("../server/checkpoints.ts");
  const { openDatabase } = await import("../server/database.ts");
  const { openPools } = await import("../store/pool.ts");
  const config = loadStorageConfig(process.env);
  await using cleanup = new AsyncDisposableStack();
  const checkpoints = await openExistingCheckpoints(config);
  cleanup.defer(() => checkpoints.store.close());
  const opened = await openDatabase(config.database);
  cleanup.defer(() => opened.close());
  const pools = openPools(opened.database, 1, () => undefined);
  cleanup.defer(() => pools.close());
  await use({ ...checkpoints, pools });
}

async function accept(
  logs: Logs,
  team: TeamId | undefined,
  reason: string,
  unasked: boolean,
): Promise<void> {
  const { acceptRollback, findContradictions, NotAcceptable } = await import(
    "../proof/accept-rollback.ts"
  );
  const { pools, store, key } = logs;
  const found = await Array.fromAsync(findContradictions(pools.read, store, team));
  for (const contradiction of found) await print(describe(contradiction));
  if (found.length === 0) {
    await print("nothing to accept: no log contradicts what was signed for it\n");
    return;
  }
  const what = found.length === 1 ? "this log" : `these ${found.length} logs`;
  if (!unasked) await confirm(`Accept ${what} as found? It cannot be undone.`);
  let failed = false;
  for (const contradiction of found) {
    const name = formatTeamId(contradiction.teamId);
    try {
      const entry = await acceptRollback(pools, store, key, contradiction, reason);
      const id = formatEntryId(entry.id);
      await print(`accepted ${name}; recorded as entry ${entry.sequence}, ${id}\n`);
    } catch (error) {
      if (!(error instanceof NotAcceptable)) throw error;
      failed = true;
      warn(`annals: ${name} was not accepted: ${error.message}`);
    }
  }
  if (failed) throw new ReportedFailure();
}

const kinds = {
  shorter: "is shorter than what was signed",
  rewritten: "has other entries than what was signed",
  damaged: "has a head that is not that of its entries",
} as const satisfies Record<SignedContradiction["kind"], string>;

function describe({ teamId, kind, signed, found }: SignedContradiction): string {
  const root = (hash: Uint8Array | undefined) => (hash === undefined ? "none" : base64(hash));
  const origin = signed.note.slice(0, signed.note.indexOf("\n"));
  return (
    `${formatTeamId(teamId)} ${kinds[kind]}\n` +
    `  signed ${signed.size} entries, root ${root(signed.root)}, as ${plainText(origin)}\n` +
    `  found  ${found.size} entries, root ${root(found.root)}\n`
  );
}
