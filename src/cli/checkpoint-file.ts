/** What the command line remembers of each log from one run to the next: a file an origin. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CheckpointMemory } from "../client/verify/memory.ts";
import { replaceFile } from "./atomic-file.ts";
import { UsageError } from "./failure.ts";
import { lockFile } from "./file-lock.ts";
import { readIfThere } from "./missing-file.ts";

/** Where a finished walk ended, for the next one to go on from. */
export interface SavedWalk {
  /** The checkpoint up to which every entry was checked. */
  readonly checkpoint: string;
  /** The frontier of its tree in base64, largest subtree first. */
  readonly hashes: readonly string[];
  /** A position of the stream at or before its end; empty for the log's beginning. */
  readonly cursor: string;
  /** So many entries at the log's beginning were not there; absent if all were. */
  readonly pruned?: string;
  /** Positions of which there was only the hash, in this walk and those that it went on from. */
  readonly withheld?: number;
}

interface Remembered {
  readonly origin: string;
  /** The last checkpoint seen: a signed note. */
  readonly checkpoint?: string;
  readonly walk?: SavedWalk;
  /** Of a server's address in place of an origin: the team that it gave when none was named. */
  readonly team?: string;
}

const lockWaitMs = 10_000;

/**
 * A directory of remembered checkpoints. Each file is replaced as a whole, under a lock: two runs
 * at once do not overwrite what the other has seen. A damaged file is a UsageError that names it.
 */
export class CheckpointFiles implements CheckpointMemory {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The file of an origin. Example: `audit.example.com_team-5b1f…-0a1b2c3d4e5f.json` */
  pathOf(origin: string): string {
    return join(this.#directory, `${fileNameOf(origin)}.json`);
  }

  async get(origin: string): Promise<string | undefined> {
    return (await this.#read(origin)).checkpoint;
  }

  replace(origin: string, expected: string | undefined, note: string): Promise<boolean> {
    return this.#update(origin, (remembered) =>
      remembered.checkpoint === expected ? { ...remembered, checkpoint: note } : undefined,
    );
  }

  /** Where the last finished walk ended. */
  async walk(origin: string): Promise<SavedWalk | undefined> {
    return (await this.#read(origin)).walk;
  }

  /** Remembers where a walk ended. */
  async saveWalk(origin: string, walk: SavedWalk): Promise<void> {
    await this.#update(origin, (remembered) => ({ ...remembered, walk }));
  }

  /** The team that a server gave when it was first asked without one: if that is now, this one. */
  async team(address: string, teamId: string): Promise<string> {
    await this.#update(address, (remembered) =>
      remembered.team === undefined ? { ...remembered, team: teamId } : undefined,
    );
    return (await this.#read(address)).team ?? teamId;
  }

  async #update(
    origin: string,
    change: (remembered: Remembered) => Remembered | undefined,
  ): Promise<boolean> {
    using lock = await lockFile(join(this.#directory, "lock"), lockWaitMs);
    if (!lock) throw new Error(`${this.#directory} is locked by another annals`);
    const changed = change(await this.#read(origin));
    if (changed === undefined) return false;
    await replaceFile(this.pathOf(origin), `${JSON.stringify(changed, undefined, 2)}\n`);
    return true;
  }

  async #read(origin: string): Promise<Remembered> {
    const path = this.pathOf(origin);
    const text = await readIfThere(path);
    if (text === undefined) return { origin };
    const remembered = parse(text);
    if (remembered?.origin === origin) return remembered;
    throw new UsageError(
      `${path} is damaged; without it, what was seen of ${origin} before is forgotten: ` +
        "restore it, or remove it to start afresh",
    );
  }
}

/** Fit for a file's name, telling origins apart however odd or long they are. */
export function fileNameOf(origin: string): string {
  const digest = createHash("sha256").update(origin).digest("hex").slice(0, 12);
  return `${origin.replace(/[^A-Za-z0-9.-]/g, "_").slice(0, 120)}-${digest}`;
}

function parse(text: string): Remembered | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { origin, checkpoint, walk, team } = value;
  if (typeof origin !== "string" || !isTextOrAbsent(checkpoint)) return undefined;
  if ((walk !== undefined && !isWalk(walk)) || !isTextOrAbsent(team)) return undefined;
  return {
    origin,
    ...(checkpoint !== undefined && { checkpoint }),
    ...(walk && { walk }),
    ...(team !== undefined && { team }),
  };
}

function isWalk(value: unknown): value is SavedWalk {
  if (!isObject(value)) return false;
  const { checkpoint, hashes, cursor, pruned, withheld } = value;
  const isText = (each: unknown): each is string => typeof each === "string";
  if (pruned !== undefined && !(isText(pruned) && /^[1-9]\d{0,18}$/.test(pruned))) return false;
  if (withheld !== undefined && !Number.isSafeInteger(withheld)) return false;
  return isText(checkpoint) && isText(cursor) && Array.isArray(hashes) && hashes.every(isText);
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
