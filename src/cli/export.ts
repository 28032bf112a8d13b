/** `annals export`: a log, or what matches of it, as a file that can be verified offline. */
import { create, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { Command, Option } from "commander";
import { EntryFilterSchema } from "../../gen/audit/v1/entry_pb.ts";
import { filterMessage } from "../client/entry-filter.ts";
import { reasonOf } from "../client/error-reason.ts";
import { ndjson } from "../client/export-format.ts";
import type { ExportHeader } from "../client/export-lines.ts";
import { plainJson } from "../client/plain-json.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { connectionNotices, patience } from "./connection-notices.ts";
import { ExportFile } from "./export-file.ts";
import { csv } from "./export-format.ts";
import { runExport } from "./export-run.ts";
import { ReportedFailure, UsageError } from "./failure.ts";
import { filterOf, withFilter } from "./filter.ts";
import { openLog } from "./open-log.ts";
import { print, warn } from "./output.ts";
import { requireFilePlace } from "./output-path.ts";
import { plainText } from "./plain-text.ts";
import { Progress } from "./progress.ts";
import { untilInterrupted } from "./signals.ts";
import { parseTime } from "./time.ts";
import { stateDirectory, type TrustFlags, withTrust } from "./verifier-keys.ts";
import { isAtFault, verifying } from "./verify-failure.ts";

interface ExportFlags extends ConnectionFlags, TrustFlags {
  output: string;
  format: "ndjson" | "csv";
  since?: number;
  until?: number;
  restart?: boolean;
  allowPruned?: boolean;
  [filterFlag: string]: unknown;
}

/** The command. */
export function exportCommand(): Command {
  const command = new Command("export")
    .description("write a team's log to a file; the same command goes on after an interruption")
    .requiredOption("-o, --output <file>", "the file; it grows as <file>.part")
    .addOption(
      new Option("--format <format>", "ndjson can be verified, csv is for spreadsheets")
        .choices(["ndjson", "csv"])
        .default("ndjson"),
    )
    .option("--since <time>", "only what was recorded at this time or later", parseTime)
    .option("--until <time>", "only what was recorded before this time", parseTime)
    .option("--restart", "begin anew, in place of what is there")
    .option("--allow-pruned", "go on if the log's first entries are not there");
  withTrust(withConnection(withFilter(command)));
  const typed = typedTimes(command);
  return command.action(async (flags: ExportFlags) =>
    verifying(await stateDirectory(flags), () => exportLog(flags, typed)),
  );
}

/** The times as they were typed: `--since 24h` is the same export when it is gone on with. */
function typedTimes(command: Command): ReadonlyMap<string, string> {
  const typed = new Map<string, string>();
  for (const option of command.options) {
    if (option.parseArg !== parseTime) continue;
    option.argParser((text: string) => {
      typed.set(option.attributeName(), text);
      return parseTime(text);
    });
  }
  return typed;
}

async function exportLog(flags: ExportFlags, typed: ReadonlyMap<string, string>): Promise<void> {
  if (flags.output === "-") {
    throw new UsageError("--output: an export is a file, which an interrupted one goes on in");
  }
  await requireFilePlace(flags.output);
  using client = await connect(flags);
  using interrupted = untilInterrupted();
  using progress = new Progress({ label: "exporting", unit: "entries" });
  const onState = connectionNotices(flags.url, (line) => progress.say(line));
  const retry = { signal: interrupted.signal, onState, maxFailures: patience };
  const log = await openLog(client, flags, retry);
  const { origin } = log.checkpoint;
  const now = filterJson(flags);
  const asked = plainJson({
    origin,
    format: flags.format,
    ...(now && { filter: withoutTimes(now), times: Object.fromEntries(typed) }),
  });
  await using file = await ExportFile.open(flags.output, asked, flags.restart ?? false);
  const filter = file.saved ? (file.saved.filter as JsonObject | undefined) : now;
  const header: ExportHeader = {
    ...{ origin, teamId: log.teamId, complete: filter === undefined },
    ...(filter !== undefined && { filter, checkpoint: log.checkpoint.note }),
  };
  if (file.saved) progress.say(`annals: going on after ${file.saved.entries} entries`);
  try {
    const { checkpoint, entries, withheld, pruned } = await runExport({
      ...{ client, log, file, header, retry },
      ...(filter !== undefined && { filter: fromJson(EntryFilterSchema, filter) }),
      asked: { asked, ...(filter !== undefined && { filter }) },
      format: flags.format === "csv" ? csv : ndjson,
      withProofs: flags.format === "ndjson",
      allowPruned: flags.allowPruned ?? false,
      onProgress: (done, total) => progress.set(Number(done), Number(total)),
    });
    progress[Symbol.dispose]();
    const hashes = withheld === 0 ? "" : ` and the hashes of ${withheld} others`;
    const of = `of ${plainText(checkpoint.origin)} up to entry ${checkpoint.size}`;
    const missing = pruned === 0n ? "" : `; entries 1 to ${pruned} are not there`;
    await print(`${flags.output}: ${entries} entries${hashes} ${of}${missing}\n`);
  } catch (error) {
    progress[Symbol.dispose]();
    if (isAtFault(error)) throw error;
    if (reasonOf(error) === "CURSOR_EXPIRED") {
      throw new Error(`what comes next in ${file.part} is pruned: --restart begins anew`);
    }
    warn(`annals: ${file.part} is not complete; the same command goes on from there`);
    if (interrupted.signal.aborted) throw new ReportedFailure("interrupted");
    throw error;
  }
}

function filterJson(flags: ExportFlags): JsonObject | undefined {
  const filter = filterMessage(filterOf(flags, flags));
  return filter && (toJson(EntryFilterSchema, create(EntryFilterSchema, filter)) as JsonObject);
}

function withoutTimes({ recordTime, occurTime, ...filter }: JsonObject): JsonObject {
  return filter;
}
