import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatSigningKey, makeSigningKey } from "../../src/log/signing-key.ts";
import type { CheckpointStore, SignedHead } from "../../src/proof/checkpoint-store.ts";
import { type DirectoryStoreOptions, openDirectoryStore } from "../../src/proof/directory-store.ts";
import { newTeam } from "../support/new-entry.ts";
import { headOf } from "./signed-heads.ts";

const writer = fileURLToPath(new URL("store-writer.ts", import.meta.url));
const key = makeSigningKey("audit.example.com");
const teamId = newTeam();
const head = (size: bigint, log = "") => headOf(key, teamId, size, log);

let parent: string;
let directory: string;
let file: string;
let opened: CheckpointStore[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "annals-store-"));
  directory = join(parent, "checkpoints");
  file = join(directory, "checkpoints.sqlite");
  opened = [];
});

afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(parent, { recursive: true });
});

async function open(options?: DirectoryStoreOptions): Promise<CheckpointStore> {
  const store = await openDirectoryStore(directory, options);
  opened.push(store);
  return store;
}

async function everything(store: CheckpointStore): Promise<SignedHead[]> {
  return (await Array.fromAsync(store.all())).flat();
}

describe("a store", () => {
  test("keeps the last head of each team, for whoever opens it next", async () => {
    const store = await open();
    const other = headOf(key, newTeam(), 7n);
    expect(await store.get(teamId)).toBeUndefined();
    expect(await store.replace(undefined, head(3n))).toEqual(head(3n));
    expect(await store.replace(head(3n), head(5n))).toEqual(head(5n));
    await store.replace(undefined, other);
    await store.close();
    const next = await open();
    expect(await next.get(teamId)).toEqual(head(5n));
    expect(await next.get(other.teamId)).toEqual(other);
    const byTeam = (a: SignedHead, b: SignedHead) => (a.teamId < b.teamId ? -1 : 1);
    expect(await everything(next)).toEqual([head(5n), other].sort(byTeam));
  });

  test("lists thousands of teams, each once", async () => {
    const store = await open();
    const heads = Array.from({ length: 2_500 }, () => headOf(key, newTeam(), 1n));
    await Promise.all(heads.map((each) => store.replace(undefined, each)));
    const found = await everything(store);
    expect(new Set(found.map(({ note }) => note))).toEqual(new Set(heads.map(({ note }) => note)));
    expect(found).toHaveLength(2_500);
  });

  test("replaces only what is expected, and answers with what is there", async () => {
    const store = await open();
    await store.replace(undefined, head(3n));
    expect(await store.replace(undefined, head(4n))).toEqual(head(3n));
    expect(await store.replace(head(3n, "other"), head(4n))).toEqual(head(3n));
    expect(await store.get(teamId)).toEqual(head(3n));
    // A repetition, as after an answer that was lost.
    expect(await store.replace(undefined, head(3n))).toEqual(head(3n));
  });

  test("has one winner when many replace the same head at once", async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const claims = Array.from({ length: 30 }, (_, i) => head(5n, String(i)));
    const answers = await Promise.all(
      claims.map((claim, i) => stores[i % 3]?.replace(undefined, claim)),
    );
    expect(new Set(answers.map((answer) => answer?.note)).size).toBe(1);
    expect(answers.filter((answer, i) => answer?.note === claims[i]?.note)).toHaveLength(1);
  });

  test("does not go back, but by superseding, which keeps the note that was", async () => {
    const store = await open();
    await store.replace(undefined, head(9n));
    await expect(store.replace(head(9n), head(8n))).rejects.toThrow(RangeError);
    expect(await store.supersede(head(9n, "other"), head(4n), "why")).toEqual(head(9n));
    expect(await store.supersede(head(9n), head(4n), "restored")).toEqual(head(4n));
    expect(await store.get(teamId)).toEqual(head(4n));
    await store.close();
    const database = new DatabaseSync(file);
    const kept = database.prepare("SELECT team_id, size, note, reason FROM superseded_heads").all();
    database.close();
    expect(kept).toEqual([{ team_id: teamId, size: 9, note: head(9n).note, reason: "restored" }]);
  });

  test("tells what was put there since, of all processes, and what was superseded", async () => {
    const [store, other] = [await open(), await open()];
    const changes = async (after: bigint) => {
      const found = await Array.fromAsync(store.changesAfter(after));
      return {
        heads: found.flatMap(({ heads }) => heads),
        revision: found.at(-1)?.revision ?? after,
      };
    };
    expect(await changes(0n)).toEqual({ heads: [], revision: 0n });
    await store.replace(undefined, head(3n));
    const first = await changes(0n);
    expect(first.heads).toEqual([head(3n)]);
    await other.replace(head(3n), head(9n));
    await other.supersede(head(9n), head(4n), "restored");
    const second = await changes(first.revision);
    expect(second.heads).toEqual([head(4n)]);
    expect((await changes(second.revision)).heads).toEqual([]);
    expect(await store.wasSuperseded(teamId, 9n)).toBe(true);
    expect(await store.wasSuperseded(teamId, 10n)).toBe(false);
  });

  test("ends a transaction by truncating its journal, which SQLite syncs, not by deleting it", async () => {
    const store = await open();
    await store.replace(undefined, head(1n));
    expect((await stat(`${file}-journal`)).size).toBe(0);
  });
});

describe("processes that end at any moment", () => {
  test("lose nothing that they were answered for, and hold up nobody", {
    timeout: 120_000,
  }, async () => {
    const answered: bigint[] = [];
    for (let round = 0; round < 8; round++) {
      const writers = [startWriter(answered), startWriter(answered)];
      const before = answered.length;
      await expect.poll(() => answered.length, { timeout: 20_000 }).toBeGreaterThan(before + 20);
      for (const { child } of writers) child.kill("SIGKILL");
      await Promise.all(writers.map(({ ended }) => ended));
      const store = await open();
      const present = await store.get(teamId);
      // One more than was told of may have been stored: its answer was killed.
      const most = answered.reduce((a, b) => (a > b ? a : b));
      expect([most, most + 1n]).toContain(present?.size);
      await store.close();
    }
    // No size was answered for twice: the log of heads has never forked.
    expect(new Set(answered).size).toBe(answered.length);
  });
});

describe("a store that does not work", () => {
  const unusable = expect.objectContaining({ name: "CheckpointStoreError" });

  test.each([
    ["is no directory", () => writeFile(directory, "")],
    [
      "holds something else",
      async () => {
        await mkdir(directory);
        await writeFile(
          file,
          "this is no SQLite file, though it is as long as its header is".repeat(9),
        );
      },
    ],
    [
      "is of a newer version",
      async () => {
        await mkdir(directory);
        const database = new DatabaseSync(file);
        database.exec("PRAGMA user_version = 2");
        database.close();
      },
    ],
  ])("is refused when it is opened, and left as it is: one that %s", async (_, make) => {
    await make();
    const path = (await stat(directory)).isFile() ? directory : file;
    const before = await readFile(path);
    await expect(open()).rejects.toEqual(unusable);
    expect(await readFile(path)).toEqual(before);
  });

  test("is refused when it is opened: one that may not be written", async () => {
    await (await open()).close();
    await chmod(parent, 0o755);
    await chmod(directory, 0o555);
    await chmod(file, 0o444);
    // Permissions do not bind root: the attempt is made as nobody.
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const module = new URL("../../src/proof/directory-store.ts", import.meta.url);
    const program = `import { openDirectoryStore } from "${module}";
      await openDirectoryStore(process.argv[1]);`;
    const options = ["--input-type=module", "--eval", program, directory];
    const attempt = promisify(execFile)(process.execPath, options, uid);
    await expect(attempt).rejects.toThrow("the checkpoint store cannot be used");
    await chmod(directory, 0o755);
  });

  test("fails while another process holds its lock, and works afterwards", async () => {
    const store = await open({ lockMs: 50 });
    await store.replace(undefined, head(1n));
    const holder = new DatabaseSync(file);
    holder.exec("BEGIN EXCLUSIVE");
    await expect(store.replace(head(1n), head(2n))).rejects.toEqual(unusable);
    await expect(store.get(teamId)).rejects.toEqual(unusable);
    holder.close();
    expect(await store.replace(head(1n), head(2n))).toEqual(head(2n));
  });

  test("that hangs fails in time, is asked nothing more meanwhile, and works afterwards", async () => {
    const store = await open({ lockMs: 60_000, answerMs: 3_000 });
    const holder = new DatabaseSync(file);
    holder.exec("BEGIN EXCLUSIVE");
    await expect(store.replace(undefined, head(1n))).rejects.toThrow("does not answer");
    await expect(store.get(teamId)).rejects.toThrow("does not answer");
    holder.close();
    // What was asked for has happened after all, and is found.
    await expect.poll(() => store.get(teamId).catch(() => undefined)).toEqual(head(1n));
  });

  test("is damaged where a head is not what its note says, and only there", async () => {
    const store = await open();
    await store.replace(undefined, head(4n));
    const other = headOf(key, newTeam(), 4n);
    await store.replace(undefined, other);
    const database = new DatabaseSync(file);
    database.prepare("UPDATE signed_heads SET size = 3 WHERE team_id = ?").run(teamId);
    database.close();
    await expect(store.get(teamId)).rejects.toThrow(`damaged at team-${teamId}`);
    await expect(everything(store)).rejects.toEqual(unusable);
    expect(await store.get(other.teamId)).toEqual(other);
  });

  test("whose pages are damaged fails, and is not made anew", async () => {
    const store = await open();
    await store.replace(undefined, head(4n));
    await store.close();
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xff, 4_096));
    const everythingAgain = async () => everything(await open());
    await expect(everythingAgain()).rejects.toEqual(unusable);
    await expect(everythingAgain()).rejects.toEqual(unusable);
  });

  test("that has vanished is not made anew by a process that has seen it, and may come back", async () => {
    const store = await open();
    await store.replace(undefined, head(4n));
    await rename(directory, `${directory}-gone`);
    await expect(store.get(teamId)).rejects.toThrow("has vanished");
    await expect(store.replace(head(4n), head(5n))).rejects.toThrow("has vanished");
    await rename(`${directory}-gone`, directory);
    expect(await store.replace(head(4n), head(5n))).toEqual(head(5n));
  });

  test("whose file is another than it was is opened anew", async () => {
    const store = await open();
    await store.replace(undefined, head(4n));
    const copy = `${file}-copy`;
    await writeFile(copy, await readFile(file));
    await store.replace(head(4n), head(5n));
    await rename(copy, file);
    expect(await store.get(teamId)).toEqual(head(4n));
  });

  test("that is closed says so", async () => {
    const store = await open();
    await store.close();
    await expect(store.get(teamId)).rejects.toThrow("it is closed");
  });
});

/** Starts a process that replaces the team's head; what it is answered for is added. */
function startWriter(answered: bigint[]) {
  const child = spawn(process.execPath, [writer, directory, teamId, formatSigningKey(key)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  createInterface({ input: child.stdout }).on("line", (line) => answered.push(BigInt(line)));
  return { child, ended: once(child, "close") };
}
