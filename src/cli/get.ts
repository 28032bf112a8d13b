/** `annals get`: one entry with all its fields. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Command } from "commander";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { type EntryJson, entryToJson } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { print, styled } from "./output.ts";
import { plainText } from "./plain-text.ts";
import { localTime } from "./time.ts";

/** The command. */
export function getCommand(): Command {
  const command = new Command("get")
    .description("show one entry")
    .argument("<entry>", "its id (log-…) or its number in the team's log")
    .option("--json", "as one JSON object on a line");
  return withConnection(command).action(get);
}

async function get(entry: string, flags: ConnectionFlags & { json?: boolean }): Promise<void> {
  using client = await connect(flags);
  const response = await client.audit.get({
    teamId: flags.team ?? "",
    key: entryKey(entry),
  });
  if (!response.entry) return;
  await print(
    flags.json ? `${plainJson(entryToJson(response.entry))}\n` : entryText(response.entry),
  );
}

/** Which entry to ask for, by an id or a number as one types them. */
export function entryKey(text: string) {
  return /^\d{1,19}$/.test(text)
    ? ({ case: "sequence", value: BigInt(text) } as const)
    : ({ case: "id", value: text } as const);
}

/** All fields of an entry, a line each, for people. */
export function entryText(entry: AuditEntry): string {
  const json = entryToJson(entry);
  const { recordTime, occurTime } = entry;
  const local = (text: string | undefined, ms: number | undefined) =>
    ms === undefined ? undefined : `${text} (${localTime(ms)} here)`;
  const fields: [string, string | number | undefined][] = [
    ["id", json.id],
    ["team", json.teamId],
    ["sequence", json.sequence],
    ["recorded", local(json.recordTime, recordTime && timestampMs(recordTime))],
    ["happened", local(json.occurTime, occurTime && timestampMs(occurTime))],
    ["recorder", party(json.recorder)],
    ["actor", party(json.actor)],
    ["action", json.action],
    ["resource", party(json.resource)],
    ["scope", json.scope],
    ["status", json.status],
    ["ip address", json.context?.ipAddress],
    ["user agent", json.context?.userAgent],
    ["request id", json.context?.requestId],
    ["trace id", json.context?.traceId],
    ["details", json.detailsState],
    ["leaf hash", json.leafHash],
  ];
  const lines = fields.flatMap(([label, value]) =>
    value === undefined ? [] : `${styled("dim", label.padEnd(11))}${plainText(String(value))}`,
  );
  if (json.metadata) lines.push(styled("dim", "metadata"), plainJson(json.metadata, 2));
  return `${lines.join("\n")}\n`;
}

function party(value: EntryJson["resource"]): string | undefined {
  if (!value) return undefined;
  return [value.type, value.id, value.name && `"${value.name}"`].filter(Boolean).join(" ");
}
