import { chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Neighbours } from "../../../../src/client/recorder/spill/neighbours.ts";
import { ownerText, thisProcess } from "../../../../src/client/recorder/spill/owner.ts";
import { filesBelow, openTexts, segmentsBelow, spillDirectory } from "./directories.ts";

const name = "000000000000001-0123456789abcdef";

/** A directory with a session of this owner in it. */
function directoryOf(owner: string): { directory: string; session: string; owner: string } {
  const directory = spillDirectory();
  const session = join(directory, name);
  mkdirSync(session, { recursive: true });
  const path = join(session, "owner");
  writeFileSync(path, owner);
  return { directory, session, owner: path };
}

/** How many looks it takes until the session is taken for dead; 100 if it is not by then. */
async function looksUntilDead(directory: string, before = (_look: number) => {}): Promise<number> {
  const neighbours = new Neighbours(directory);
  for (let look = 1; look < 100; look += 1) {
    before(look);
    if ((await neighbours.look(undefined)).length > 0) return look;
  }
  return 100;
}

const elsewhere = { machine: "elsewhere", pid: process.pid, started: "1" };

test("a session is dead at once if its process is gone, or its pid is another's by now", async () => {
  const { machine, pid, started } = thisProcess();
  expect(machine).toContain(hostname());
  const gone = ownerText({ machine, pid: 2 ** 22 + 1, started }, 0);
  expect(await looksUntilDead(directoryOf(gone).directory)).toBe(1);
  const another = ownerText({ machine, pid, started: `1${started}` }, 0);
  expect(await looksUntilDead(directoryOf(another).directory)).toBe(started === "" ? 13 : 1);
});

test("a session of another machine is dead once it was not touched for twelve looks", async () => {
  expect(await looksUntilDead(directoryOf(ownerText(elsewhere, 0)).directory)).toBe(13);
  const { directory, owner } = directoryOf(ownerText(elsewhere, 0));
  const touch = (look: number) => {
    if (look % 12 === 0 && look < 40) writeFileSync(owner, ownerText(elsewhere, look));
  };
  expect(await looksUntilDead(directory, touch)).toBe(36 + 12);
});

test("a session whose owner file is missing or senseless is dead after as many looks", async () => {
  const { directory, owner } = directoryOf("");
  expect(await looksUntilDead(directory)).toBe(13);
  rmSync(owner);
  expect(await looksUntilDead(directory)).toBe(13);
  const senseless = ["null", "{}", '{"machine":1}', '{"machine":"a","pid":-1,"started":""}', "\0"];
  for (const text of senseless) {
    expect(await looksUntilDead(directoryOf(text).directory)).toBe(13);
  }
});

test("what is not a session is let alone", async () => {
  const { directory, session } = directoryOf(ownerText(elsewhere, 0));
  rmSync(session, { recursive: true });
  const target = spillDirectory();
  mkdirSync(target);
  writeFileSync(join(target, "00000001.seg"), "");
  symlinkSync(target, join(directory, `${name}.left`));
  writeFileSync(join(directory, "000000000000002-0123456789abcdef.left"), "a file");
  mkdirSync(join(directory, "somebody's own.left"));
  expect(await looksUntilDead(directory)).toBe(100);
  expect(segmentsBelow(target)).toHaveLength(1);
});

// Only root can make files that are another user's.
test.runIf(process.getuid?.() === 0)("nothing of another user's is sent", async () => {
  const directory = spillDirectory();
  const forger = await openTexts(directory);
  await forger.append("forged");
  await forger.spill.close();
  const [owner = ""] = filesBelow(directory);
  const session = join(owner, "..");
  chownSync(session, 12_345, 12_345);
  const text = readFileSync(owner);
  const spill = await openTexts(directory);
  expect(await spill.drain()).toEqual([]);
  expect(spill.errors).toEqual([]);
  await spill.spill.close();
  expect(readFileSync(owner)).toEqual(text);
});
