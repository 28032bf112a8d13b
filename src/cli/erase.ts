/** `annals erase`: the details of entries, for good. */
import { Command } from "commander";
import type { EraseResponse } from "../../gen/audit/v1/audit_service_pb.ts";
import { entryToJson } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { encodeSequences } from "../log/erasure.ts";
import { confirm } from "./confirm.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { UsageError } from "./failure.ts";
import { print } from "./output.ts";
import { plainText } from "./plain-text.ts";

interface EraseFlags extends ConnectionFlags {
  actor?: string;
  yes?: boolean;
  json?: boolean;
}

/** The command. */
export function eraseCommand(): Command {
  const command = new Command("erase")
    .description("erase the details of entries (names, metadata, request context) for good")
    .argument("[entry...]", "the entries' ids (log-…), at most 500")
    .option("--actor <id>", "instead: every entry with this actor")
    .option("--yes", "do not ask whether you mean it")
    .option("--json", "one JSON object a call, on a line: what was erased, and the entry for it");
  return withConnection(command).action(erase);
}

async function erase(ids: string[], flags: EraseFlags): Promise<void> {
  const actorId = flags.actor ?? "";
  if (ids.length > 0 === (actorId !== "")) {
    throw new UsageError("give the ids of entries, or --actor and an actor's id");
  }
  using client = await connect(flags);
  if (!flags.yes) {
    const whose = actorId === "" ? counted(ids.length) : `every entry with actor ${actorId}`;
    const where = flags.team ? ` in ${flags.team}` : "";
    await confirm(`Erase the details of ${whose}${where}? It cannot be undone.`);
  }
  let total = 0;
  for (let more = true; more; ) {
    const answer = await client.audit.erase({ teamId: flags.team ?? "", ids, actorId });
    ({ more } = answer);
    total += answer.erasedSequences.length;
    if (flags.json) await print(`${plainJson(answerJson(answer))}\n`);
    else if (answer.entry) await print(`${plainText(answerText(answer))}\n`);
  }
  if (flags.json) return;
  if (total === 0) await print("nothing to erase: no details, or erased before\n");
  else if (actorId !== "") await print(`${counted(total)} in all\n`);
}

function counted(entries: number): string {
  return entries === 1 ? "1 entry" : `${entries} entries`;
}

/** Ranges of sequences that are shown to people. */
const shownRanges = 8;

function answerText({ erasedSequences, entry }: EraseResponse): string {
  const ranges = encodeSequences(erasedSequences);
  const rest = ranges.length > shownRanges ? " …" : "";
  const where = `${ranges.slice(0, shownRanges).join(", ")}${rest}`;
  const recorded = `recorded as entry ${entry?.sequence} (${entry?.id})`;
  return `erased the details of ${counted(erasedSequences.length)} (${where}), ${recorded}`;
}

function answerJson({ erasedSequences, entry }: EraseResponse): Record<string, unknown> {
  return {
    erasedSequences: erasedSequences.map((sequence) =>
      sequence <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sequence) : String(sequence),
    ),
    ...(entry && { entry: entryToJson(entry) }),
  };
}
