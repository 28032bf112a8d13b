/** How the commands reach the server: the flags, the environment behind them, the credential. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { type AuditClient, type AuditClientOptions, createAuditClient } from "../client/client.ts";
import { NoCredentialError, UsageError } from "./failure.ts";

/** The values of the connection's flags. */
export interface ConnectionFlags {
  url: string;
  token?: string;
  team?: string;
}

/** Adds `--url`, `--token` and `--team`, which stand over the environment. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "the server's address")
        .env("ANNALS_URL")
        .default("http://127.0.0.1:8080"),
    )
    .addOption(
      new Option(
        "--token <token>",
        "a JWT or an API key; without one, DATA_DIR/dev-token for a server on this machine",
      ).env("ANNALS_TOKEN"),
    )
    .addOption(
      new Option("--team <id>", "the team; without one, the credential's own").env("ANNALS_TEAM"),
    );
}

/** The clients for the flags. The caller closes them. Throws UsageError and NoCredentialError. */
export async function connect(flags: ConnectionFlags): Promise<AuditClient> {
  return createAuditClient(await clientOptions(flags));
}

/** Where to call and as whom, by the flags. Throws UsageError and NoCredentialError. */
export async function clientOptions(
  flags: ConnectionFlags,
): Promise<Pick<AuditClientOptions, "baseUrl" | "token">> {
  const url = serverUrl(flags);
  if (flags.token) return { baseUrl: url.href, token: flags.token };
  const token = () => developmentToken(url);
  await token();
  return { baseUrl: url.href, token };
}

/** The server's address. Throws UsageError. */
export function serverUrl(flags: Pick<ConnectionFlags, "url">): URL {
  const url = URL.canParse(flags.url) ? new URL(flags.url) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new UsageError(`--url: ${JSON.stringify(flags.url)} is not an http or https address`);
}

/** Whether a server at this address runs on this machine, so that DATA_DIR may be its own. */
export function isThisMachine(url: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(url.hostname);
}

/** Read anew for every call: a restarted server may have written another. */
async function developmentToken(url: URL): Promise<string> {
  const path = join(process.env.DATA_DIR || "data", "dev-token");
  const advice = "give --token or set ANNALS_TOKEN";
  if (!isThisMachine(url)) {
    throw new NoCredentialError(`no credential for ${url.host}: ${advice}`);
  }
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new NoCredentialError(`no credential: ${advice} (no development token in ${path})`, {
      cause: error,
    });
  }
}
