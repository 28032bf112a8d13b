/** `annals tail`: follows a log through restarts of the server and of the tail. */
import { Command } from "commander";
import type { TeamIdText } from "../client/new-entry.ts";
import { plainJson } from "../client/plain-json.ts";
import { SeenEntries } from "../client/seen-entries.ts";
import type { TailQuery } from "../client/tail-entries.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { connectionNotices } from "./connection-notices.ts";
import { readCursorFile, writeCursorFile } from "./cursor-file.ts";
import { entryTable } from "./entry-table.ts";
import { UsageError } from "./failure.ts";
import { filterOf, withFilter } from "./filter.ts";
import { positiveInteger, teamOf } from "./list.ts";
import { outputWidth, print } from "./output.ts";

import { untilInterrupted } from "./signals.ts";
import { parseTime } from "./time.ts";

interface TailFlags extends ConnectionFlags {
  allTeams?: boolean;
  fromBeginning?: boolean;
  last?: number;
  since?: number;
  after?: string;
  cursorFile?: string;
  stopAtHead?: boolean;
  json?: boolean;
  [filterFlag: string]: unknown;
}

/** The command. */
export function tailCommand(): Command {
  const command = new Command("tail")
    .description("follow a team's log; ends with Ctrl-C")
    .option("--from-beginning", "start with the first entry")
    .option("--last <n>", "start with the last n matching entries (1 to 200)", positiveInteger)
    .option("--since <time>", "start with the first entry recorded at this time", parseTime)
    .option("--after <cursor>", "start after a cursor")
    .option(
      "--cursor-file <path>",
      "keep the position here and go on from it next time; other starts count only at first",
    )
    .option("--stop-at-head", "end after what is there now")
    .option("--all-teams", "follow every team (platform admins)")
    .option("--json", "one JSON object a line");
  withConnection(withFilter(command));
  return command.action(async (flags: TailFlags) => follow(flags, teamOf(command)));
}

async function follow(flags: TailFlags, teamId: TeamIdText | undefined): Promise<void> {
  const saved = flags.cursorFile ? await readCursorFile(flags.cursorFile) : undefined;
  const seen = saved?.seen ?? new SeenEntries();
  const start = startOf(saved ? { after: saved.cursor } : flags);
  using client = await connect(flags);
  using interrupted = untilInterrupted();
  let written = saved?.cursor;
  const entries = client.tail({
    teamId,
    allTeams: flags.allTeams,
    stopAtHead: flags.stopAtHead,
    filter: filterOf(flags),
    ...start,
    signal: interrupted.signal,
    onState: connectionNotices(flags.url),
    seen,
    onCursor: async (cursor) => {
      if (!flags.cursorFile || cursor === written) return;
      await writeCursorFile(flags.cursorFile, cursor, flags.allTeams ? seen : undefined);
      written = cursor;
    },
  });
  const table = entryTable(outputWidth(), flags.allTeams ?? false);
  if (!flags.json) await print(`${table.header()}\n`);
  for await (const entry of entries) {
    await print(`${flags.json ? plainJson(entry) : table.line(entry)}\n`);
  }
}

function startOf(
  flags: Pick<TailFlags, "fromBeginning" | "last" | "since" | "after">,
): Pick<TailQuery, "fromBeginning" | "last" | "since" | "after"> {
  const { fromBeginning, last, since, after } = flags;
  const given = [fromBeginning, last, since, after].filter((value) => value !== undefined);
  if (given.length > 1) {
    throw new UsageError("--from-beginning, --last, --since and --after exclude one another");
  }
  return { fromBeginning, last, after, since: since === undefined ? since : new Date(since) };
}
