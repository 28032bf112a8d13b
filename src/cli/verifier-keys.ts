/** Which verifier keys a command trusts, and where it keeps what it remembers. */
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Command } from "commander";
import { parseVerifierKey } from "../log/note.ts";
import { sha256 } from "../log/sha256.ts";
import { replaceFile } from "./atomic-file.ts";
import { isThisMachine, serverUrl } from "./connection.ts";
import { callersVariable } from "./environment-file.ts";
import { UsageError, VerificationFailure } from "./failure.ts";
import { lockFile } from "./file-lock.ts";
import { readIfThere } from "./missing-file.ts";

/** The flags behind a command's trust. */
export interface TrustFlags {
  url: string;
  key?: string[];
  state?: string;
}

/** Keys and where they are from. */
export interface KnownKeys {
  /** C2SP verifier keys. */
  readonly keys: readonly string[];
  /** For people. Example: `--key` */
  readonly source: string;
}

/** Adds `--key` and `--state`. */
export function withTrust(command: Command): Command {
  return command
    .option(
      "--key <key>",
      "the log's verifier key, or a file of such; repeatable (env: ANNALS_VERIFIER_KEY). Without " +
        "one: DATA_DIR/verifier-key for a server on this machine (offline only if DATA_DIR is " +
        "set), else the key that its server gave at first",
      (text: string, previous: string[] | undefined) => [...(previous ?? []), text],
    )
    .option(
      "--state <dir>",
      "where checkpoints are remembered (default: annals in XDG_STATE_HOME or ~/.local/state)",
    );
}

/**
 * The directory for what is remembered, made as needed for this user only. Not as `.env` says: it
 * is the same for this user in every directory.
 */
export async function stateDirectory({ state }: TrustFlags): Promise<string> {
  const base = callersVariable("XDG_STATE_HOME") ?? "";
  const directory =
    state ?? join(isAbsolute(base) ? base : join(homedir(), ".local", "state"), "annals");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** The keys known without asking the server; undefined if there are none. Throws UsageError. */
export async function knownKeys(flags: TrustFlags): Promise<KnownKeys | undefined> {
  return findKeys(flags, process.env.ANNALS_VERIFIER_KEY, process.env.DATA_DIR || "data");
}

/**
 * The keys for what is checked without a server: none that the current directory brings with it,
 * by `data` or `.env`, for it may be where what is checked was unpacked.
 *
 * @throws UsageError if none is known.
 */
export async function requireKeys(flags: TrustFlags): Promise<KnownKeys> {
  const variable = callersVariable("ANNALS_VERIFIER_KEY");
  const known = await findKeys(flags, variable, callersVariable("DATA_DIR"));
  if (known) return known;
  throw new UsageError("no verifier key is known: give --key or set ANNALS_VERIFIER_KEY");
}

async function findKeys(
  flags: TrustFlags,
  variable: string | undefined,
  dataDirectory: string | undefined,
): Promise<KnownKeys | undefined> {
  if (flags.key) return { keys: await givenKeys(flags.key, "--key"), source: "--key" };
  if (variable) {
    const source = "ANNALS_VERIFIER_KEY";
    return { keys: await givenKeys([variable], source), source };
  }
  const url = serverUrl(flags);
  if (dataDirectory !== undefined && isThisMachine(url)) {
    const path = join(dataDirectory, "verifier-key");
    const text = await readIfThere(path);
    if (text !== undefined) return { keys: keysIn(text, path), source: path };
  }
  const servers = knownServers(await stateDirectory(flags));
  const key = (await servers.read()).get(url.origin);
  return key === undefined ? undefined : { keys: [key], source: servers.path };
}

/**
 * Trusts a server's key from now on: its first use. Answers the file it is kept in.
 *
 * @throws VerificationFailure if another run has come to trust another key of it meanwhile.
 */
export async function trustKey(flags: TrustFlags, key: string): Promise<string> {
  const directory = await stateDirectory(flags);
  const servers = knownServers(directory);
  using lock = await lockFile(join(directory, "lock"), 10_000);
  if (!lock) throw new Error(`${directory} is locked by another annals`);
  const known = await servers.read();
  const { origin } = serverUrl(flags);
  const trusted = known.get(origin);
  if (trusted !== undefined && trusted !== key) {
    const lines = [
      `verification failed: ${origin} gives one key here, and gave another to another annals`,
      `  known (${servers.path}): ${trusted}`,
      `  the server says:  ${key}`,
    ];
    throw new VerificationFailure(lines.join("\n"));
  }
  known.set(origin, key);
  const lines = Array.from(known, ([address, each]) => `${address} ${each}\n`);
  await replaceFile(servers.path, `# Trusted on first use: address and key.\n${lines.join("")}`);
  return servers.path;
}

const keyShape = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/;

async function givenKeys(given: readonly string[], source: string): Promise<string[]> {
  const lists = given.map(async (text) => {
    const words = text.split(/\s+/).filter(Boolean);
    if (words.some((word) => word.startsWith("PRIVATE+KEY+"))) {
      throw new UsageError(`${source}: is a private key; give the verifier key`);
    }
    if (words.length > 0 && words.every((word) => keyShape.test(word))) return keysIn(text, source);
    const file = await readIfThere(text);
    if (file !== undefined) return keysIn(file, text);
    throw new UsageError(`${source}: ${JSON.stringify(text)} is no verifier key and no file`);
  });
  return (await Promise.all(lists)).flat();
}

function keysIn(text: string, source: string): string[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  const keys = lines.flatMap((line) => line.split(/\s+/)).filter(Boolean);
  if (keys.length === 0) throw new UsageError(`${source} has no verifier key`);
  for (const key of keys) checkKey(key, source);
  return keys;
}

function checkKey(key: string, source: string): void {
  try {
    parseVerifierKey(sha256, key);
  } catch (error) {
    throw new UsageError(`${source}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Like SSH's known hosts: a line for each server that was trusted on first use. */
function knownServers(directory: string) {
  const path = join(directory, "known-servers");
  return {
    path,
    async read(): Promise<Map<string, string>> {
      const lines = ((await readIfThere(path)) ?? "").split("\n");
      const known = new Map<string, string>();
      for (const [i, line] of lines.entries()) {
        if (line === "" || line.startsWith("#")) continue;
        const [address, key, ...rest] = line.split(" ");
        if (!address || !key || rest.length > 0) {
          throw new UsageError(`${path}: line ${i + 1} is damaged; mend or remove it`);
        }
        checkKey(key, `${path}, line ${i + 1}`);
        known.set(address, key);
      }
      return known;
    },
  };
}
