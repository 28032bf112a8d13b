/** `annals keys`: a team's API keys. */
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Command } from "commander";
import type { ApiKey, ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { timeText } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { apiKeyGrants } from "../client/words.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { wordValue } from "./filter.ts";
import { print, styled, warn } from "./output.ts";
import { fitText, plainText, textWidth } from "./plain-text.ts";
import { localTime, parseSpan } from "./time.ts";

interface KeyFlags extends ConnectionFlags {
  json?: boolean;
}

/** The command with its subcommands. */
export function keysCommand(): Command {
  const create = new Command("create")
    .description("make a key and print its secret, which is shown only here")
    .requiredOption("--name <name>", "a name for people")
    .option(
      "--grant <grant>",
      `what it may do besides recording as itself: ${apiKeyGrants.words.join(", ")}; repeatable`,
      (text: string, previous: ApiKeyGrant[] = []) => [...previous, wordValue(apiKeyGrants, text)],
    )
    .option("--expires-in <span>", "when it stops working by itself, like 90d", parseSpan)
    .option("--json", "as one JSON object on a line")
    .action(createKey);
  const list = new Command("list")
    .description("list the keys, newest first, revoked ones included")
    .option("--json", "one JSON object a line")
    .action(listKeys);
  const revoke = new Command("revoke")
    .description("revoke a key: it stops working within 30 seconds")
    .argument("<id>", "the key's id (key-…)")
    .option("--json", "as one JSON object on a line")
    .action(revokeKey);
  const keys = new Command("keys").description("manage a team's API keys");
  for (const command of [create, list, revoke]) keys.addCommand(withConnection(command));
  return keys;
}

async function createKey(
  flags: KeyFlags & { name: string; grant?: ApiKeyGrant[]; expiresIn?: number },
): Promise<void> {
  using client = await connect(flags);
  const { apiKey, secret } = await client.keys.createApiKey({
    teamId: flags.team ?? "",
    name: flags.name,
    grants: flags.grant ?? [],
    ...(flags.expiresIn === undefined
      ? {}
      : { expireTime: timestampFromMs(Date.now() + flags.expiresIn) }),
  });
  if (!apiKey) return;
  if (flags.json) {
    await print(`${plainJson({ ...keyJson(apiKey), secret })}\n`);
  } else {
    await print(`${plainText(secret)}\n`);
    warn(
      `made ${plainText(apiKey.id)} in ${plainText(apiKey.teamId)}; keep its secret: it is not shown again`,
    );
  }
}

async function listKeys(flags: KeyFlags): Promise<void> {
  using client = await connect(flags);
  const found: ApiKey[] = [];
  let pageToken = "";
  do {
    const page = await client.keys.listApiKeys({ teamId: flags.team ?? "", pageToken });
    if (flags.json) {
      for (const key of page.apiKeys) await print(`${plainJson(keyJson(key))}\n`);
    } else {
      found.push(...page.apiKeys);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  if (!flags.json) await print(keyTable(found));
}

async function revokeKey(id: string, flags: KeyFlags): Promise<void> {
  using client = await connect(flags);
  const { apiKey } = await client.keys.revokeApiKey({ teamId: flags.team ?? "", id });
  if (!apiKey) return;
  const revoked = apiKey.revokeTime ? localTime(timestampMs(apiKey.revokeTime)) : "now";
  await print(
    flags.json
      ? `${plainJson(keyJson(apiKey))}\n`
      : `revoked ${plainText(apiKey.id)} (${plainText(apiKey.name)}) at ${revoked}\n`,
  );
}

function keyJson(key: ApiKey): Record<string, unknown> {
  const time = (value: Timestamp | undefined) => value && timeText(value);
  return {
    id: key.id,
    teamId: key.teamId,
    name: key.name,
    grants: key.grants.map((grant) => apiKeyGrants.word(grant)),
    createTime: time(key.createTime),
    expireTime: time(key.expireTime),
    revokeTime: time(key.revokeTime),
    lastUseTime: time(key.lastUseTime),
    secretHint: key.secretHint,
  };
}

function keyTable(keys: readonly ApiKey[]): string {
  const time = (value: Timestamp | undefined, otherwise: string) =>
    value ? localTime(timestampMs(value)) : otherwise;
  const rows = keys.map((key) =>
    [
      key.id,
      key.name,
      key.grants.map((grant) => apiKeyGrants.word(grant)).join(", ") || "record",
      `${key.secretHint}…`,
      time(key.createTime, ""),
      time(key.lastUseTime, "never"),
      stateOf(key),
    ].map(plainText),
  );
  const names = ["ID", "NAME", "GRANTS", "SECRET", "CREATED", "LAST USED", "STATE"];
  const widths = names.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => textWidth(row[i] ?? ""))),
  );
  const line = (row: string[]) =>
    row
      .map((cell, i) => fitText(cell, widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[styled("bold", line(names)), ...rows.map(line)].join("\n")}\n`;
}

function stateOf({ revokeTime, expireTime }: ApiKey): string {
  if (revokeTime) return "revoked";
  if (!expireTime) return "active";
  return timestampMs(expireTime) <= Date.now()
    ? "expired"
    : `until ${localTime(timestampMs(expireTime))}`;
}
