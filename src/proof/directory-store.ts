import { resolve } from "node:path";
import type { TeamId } from "../ids.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { parseNote } from "../log/note.ts";
import {
  type CheckpointStore,
  CheckpointStoreError,
  type SignedHead,
  type StoreChanges,
} from "./checkpoint-store.ts";
import { DirectoryStoreThread } from "./directory-store-thread.ts";
import type { StoredHead } from "./directory-store-worker.ts";

/** How to open a directory store. */
export interface DirectoryStoreOptions {
  /** False to refuse a directory in which there is no store; it is made otherwise. */
  readonly create?: boolean;
  /** How long another process's lock is waited for; 5 s unless told otherwise. */
  readonly lockMs?: number;
  /** How long a group of requests may take in all, with a disk that hangs; 15 s. */
  readonly answerMs?: number;
}

const pageHeads = 1_000;

/**
 * Opens the store in a directory, on a volume that all replicas share.
 *
 * It is one SQLite file. Replacements take SQLite's lock, which is the kernel's and free again
 * however a process ends, and are synced before they are answered for; the end of a process at any
 * moment leaves the head before or the one after. Requests that come while others are at work go
 * together, so that many teams share one sync.
 *
 * @throws CheckpointStoreError if it cannot be read and written.
 */
export async function openDirectoryStore(
  directory: string,
  { create = true, lockMs = 5_000, answerMs = 15_000 }: DirectoryStoreOptions = {},
): Promise<CheckpointStore> {
  const data = { directory: resolve(directory), create, lockMs };
  const thread = new DirectoryStoreThread(data, answerMs);
  try {
    await thread.ask({ kind: "page", after: "", limit: 1 });
  } catch (error) {
    await thread.close();
    throw error;
  }
  return new DirectoryStore(thread);
}

class DirectoryStore implements CheckpointStore {
  readonly #thread: DirectoryStoreThread;

  constructor(thread: DirectoryStoreThread) {
    this.#thread = thread;
  }

  async get(teamId: TeamId): Promise<SignedHead | undefined> {
    const [head] = await this.#thread.ask({ kind: "get", teamId });
    return head && signedHead(head);
  }

  async replace(
    expected: SignedHead | undefined,
    next: SignedHead,
  ): Promise<SignedHead | undefined> {
    if (expected !== undefined && next.size < expected.size) {
      throw new RangeError(`a signed head of ${expected.size} cannot go back to ${next.size}`);
    }
    return this.#replace(expected, next, null);
  }

  async supersede(
    expected: SignedHead,
    next: SignedHead,
    reason: string,
  ): Promise<SignedHead | undefined> {
    return this.#replace(expected, next, reason);
  }

  async #replace(
    expected: SignedHead | undefined,
    { teamId, size, note }: SignedHead,
    reason: string | null,
  ): Promise<SignedHead | undefined> {
    const previous = expected?.note ?? null;
    const request = { kind: "replace", teamId, expected: previous, size, note, reason } as const;
    const [head] = await this.#thread.ask(request);
    return head && signedHead(head);
  }

  async *all(): AsyncGenerator<readonly SignedHead[]> {
    for (let after = ""; ; ) {
      const page = await this.#thread.ask({ kind: "page", after, limit: pageHeads });
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.teamId;
      yield page.map(signedHead);
    }
  }

  async *changesAfter(revision: bigint): AsyncGenerator<StoreChanges> {
    for (let after = revision; ; ) {
      const page = await this.#thread.ask({ kind: "changes", after, limit: pageHeads });
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.revision;
      yield { heads: page.map(signedHead), revision: after };
    }
  }

  async wasSuperseded(teamId: TeamId, size: bigint): Promise<boolean> {
    const found = await this.#thread.ask({ kind: "superseded", teamId, size });
    return found.length > 0;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** The note is what was signed; that the row agrees with it shows that neither is damaged. */
function signedHead({ teamId, size, note }: StoredHead): SignedHead {
  try {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    if (checkpoint.size !== size || !checkpoint.origin.endsWith(`/team-${teamId}`)) {
      throw new Error("the note is of another head");
    }
    return { teamId: teamId as TeamId, size, root: checkpoint.root, note };
  } catch (cause) {
    throw new CheckpointStoreError(`the checkpoint store is damaged at team-${teamId}`, { cause });
  }
}
