/** `annals record`: one entry from flags, or many as NDJSON from standard input. */
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { Command, InvalidArgumentError } from "commander";
import type {
  ActorType,
  AuditEntrySchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { entryToJson } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { actorTypes, scopes, statuses, type Vocabulary } from "../client/words.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { newEntryId } from "./entry-id.ts";
import { exitCodeOf, UsageError } from "./failure.ts";
import { wordValue } from "./filter.ts";
import { parseJson } from "./json-input.ts";
import { print, warn } from "./output.ts";
import { plainText } from "./plain-text.ts";
import { recordLines } from "./record-lines.ts";
import { parseTime } from "./time.ts";

interface RecordFlags extends ConnectionFlags {
  stdin?: boolean;
  json?: boolean;
  id?: string;
  action?: string;
  actorType?: ActorType;
  actor?: string;
  actorName?: string;
  resourceType?: string;
  resource?: string;
  resourceName?: string;
  scope?: EntryScope;
  status?: EntryStatus;
  metadata?: JsonObject;
  ipAddress?: string;
  userAgent?: string;
  requestId?: string;
  traceId?: string;
  occurTime?: number;
}

/** The command. */
export function recordCommand(): Command {
  const word =
    <E extends number>(words: Vocabulary<E>) =>
    (text: string) =>
      wordValue(words, text);
  const command = new Command("record")
    .description("record an entry, or NDJSON from standard input")
    .option("--action <action>", "what was done, like create or user.login")
    .option("--actor-type <type>", `who did it: ${actorTypes.words.join(", ")}`, word(actorTypes))
    .option("--actor <id>", "the actor's id; without an actor, the caller itself")
    .option("--actor-name <name>", "the actor's name")
    .option("--resource-type <type>", "what it was done to, like sandbox")
    .option("--resource <id>", "the resource's id")
    .option("--resource-name <name>", "the resource's name")
    .option("--scope <scope>", `who may read it: ${scopes.words.join(", ")}`, word(scopes))
    .option("--status <status>", `how it ended: ${statuses.words.join(", ")}`, word(statuses))
    .option("--metadata <json>", "more, as a JSON object", parseMetadata)
    .option("--ip-address <address>", "the client's address")
    .option("--user-agent <text>", "the client's user agent")
    .option("--request-id <id>", "the request in which it happened")
    .option("--trace-id <id>", "the trace in which it happened")
    .option("--occur-time <time>", "when it happened", parseTime)
    .option("--id <id>", "the entry's id (log-…): recording it again changes nothing")
    .option("--stdin", "read entries from standard input, one JSON object a line")
    .option("--json", "print what was recorded, one JSON object a line");
  return withConnection(command).action(record);
}

async function record(flags: RecordFlags): Promise<void> {
  if (flags.stdin) {
    if (flags.action !== undefined) throw new UsageError("--stdin and --action exclude each other");
    return recordLines(process.stdin, flags);
  }
  if (flags.action === undefined) throw new UsageError("--action is required (or --stdin)");
  const entry = entryOf(flags, flags.action);
  using client = await connect(flags);
  try {
    const response = await client.audit.record({ entry });
    if (!response.entry) return;
    const { id, sequence, teamId } = response.entry;
    await print(
      flags.json
        ? `${plainJson(entryToJson(response.entry))}\n`
        : `recorded ${plainText(id)} as number ${sequence} of ${plainText(teamId)}\n`,
    );
  } catch (error) {
    if (error instanceof ConnectError && exitCodeOf(error) === 5) {
      warn(`annals: it may or may not be recorded; try again with --id ${entry.id}`);
    }
    throw error;
  }
}

function entryOf(
  flags: RecordFlags,
  action: string,
): MessageInitShape<typeof AuditEntrySchema> & { id: string } {
  const actor = given({ type: flags.actorType, id: flags.actor, name: flags.actorName });
  const resource = given({
    type: flags.resourceType,
    id: flags.resource,
    name: flags.resourceName,
  });
  const context = given({
    ipAddress: flags.ipAddress,
    userAgent: flags.userAgent,
    requestId: flags.requestId,
    traceId: flags.traceId,
  });
  return {
    // Made here, so that a call whose answer was lost can be repeated.
    id: flags.id ?? newEntryId(),
    teamId: flags.team ?? "",
    action,
    ...(actor && { actor }),
    ...(resource && { resource }),
    ...(context && { context }),
    ...given({ scope: flags.scope, status: flags.status, metadata: flags.metadata }),
    ...(flags.occurTime !== undefined && { occurTime: timestampFromMs(flags.occurTime) }),
  };
}

/** The fields that were given, or undefined if none was. */
function given<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

function parseMetadata(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError("It must be a JSON object.");
  }
  return value as JsonObject;
}
