/** `annals list`: a log's entries, page after page. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { TeamIdText } from "../client/new-entry.ts";
import { plainJson } from "../client/plain-json.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { entryTable } from "./entry-table.ts";
import { UsageError } from "./failure.ts";
import { filterOf, withFilter } from "./filter.ts";
import { outputWidth, print, warn } from "./output.ts";

import { parseTime } from "./time.ts";

const maxPageSize = 200;

interface ListFlags extends ConnectionFlags {
  allTeams?: boolean;
  limit: number;
  order: "newest" | "oldest";
  since?: number;
  until?: number;
  json?: boolean;
  [filterFlag: string]: unknown;
}

/** The command. */
export function listCommand(): Command {
  const command = new Command("list")
    .description("list a team's entries, newest first")
    .option("--limit <n>", "how many at most", positiveInteger, 50)
    .addOption(
      new Option("--order <order>", "which come first")
        .choices(["newest", "oldest"])
        .default("newest"),
    )
    .option("--since <time>", "only what was recorded at this time or later", parseTime)
    .option("--until <time>", "only what was recorded before this time", parseTime)
    .option("--all-teams", "every team's log, by time (platform admins)")
    .option("--json", "one JSON object a line");
  withConnection(withFilter(command));
  return command.action(async (flags: ListFlags) => list(flags, teamOf(command)));
}

async function list(flags: ListFlags, teamId: TeamIdText | undefined): Promise<void> {
  using client = await connect(flags);
  const table = entryTable(outputWidth(), flags.allTeams ?? false);
  let missing = flags.limit;
  let pageToken: string | undefined;
  let header = !flags.json;
  do {
    const page = await client.listPage({
      teamId,
      allTeams: flags.allTeams,
      filter: filterOf(flags, flags),
      order: flags.order,
      pageSize: Math.min(missing, maxPageSize),
      pageToken,
    });
    const lines = page.entries.map((entry) => (flags.json ? plainJson(entry) : table.line(entry)));
    if (header) lines.unshift(table.header());
    header = false;
    if (lines.length > 0) await print(`${lines.join("\n")}\n`);
    missing -= page.entries.length;
    pageToken = page.nextPageToken;
  } while (missing > 0 && pageToken !== undefined);
  if (pageToken !== undefined && process.stdout.isTTY && !flags.json) {
    warn(`the first ${flags.limit}; there may be more: --limit`);
  }
}

/**
 * The team to ask for, as it was typed: the server judges it. None with `--all-teams`, over which only
 * the flag `--team` is an error.
 */
export function teamOf(command: Command): TeamIdText | undefined {
  const { team, allTeams } = command.opts<{ team?: string; allTeams?: boolean }>();
  if (!allTeams) return team as TeamIdText | undefined;
  if (command.getOptionValueSource("team") === "cli") {
    throw new UsageError("--team and --all-teams exclude each other");
  }
  return undefined;
}

/** A whole number from 1 on; an option's parser. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("It must be a whole number from 1 on.");
}
