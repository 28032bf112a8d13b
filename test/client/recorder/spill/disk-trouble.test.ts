import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { openTexts, segmentsBelow, spillDirectory, texts } from "./directories.ts";
import { startSpill } from "./start-process.ts";

test("a directory that cannot be made is told once, and used as soon as it can be", async () => {
  const directory = spillDirectory();
  writeFileSync(directory, "a file in its place");
  const { append, drain, spill, errors } = await openTexts(directory, { lookMs: 20 });
  for (let turn = 0; turn < 5; turn += 1) expect(await append("lost")).toBe(0);
  expect(spill.appendSync([Buffer.from("lost")])).toBe(0);
  expect(errors.map(String)).toEqual([
    expect.stringMatching(/cannot look after .*(EEXIST|ENOTDIR)/),
    expect.stringMatching(/cannot write .*(EEXIST|ENOTDIR)/),
  ]);
  rmSync(directory);
  expect(await append("kept")).toBe(1);
  expect(await drain()).toEqual(["kept"]);
  expect(errors).toHaveLength(2);
  await spill.close();
  expect(readdirSync(directory)).toEqual([]);
});

test("a directory that is removed meanwhile is made again; what was in it is counted as damaged", async () => {
  const directory = spillDirectory();
  const spill = await openTexts(directory, { segmentBytes: 100 });
  await spill.append(...texts("gone", 6));
  const read = await spill.spill.read(2, 1e6);
  expect(read).toHaveLength(2);
  rmSync(directory, { recursive: true });
  expect(await spill.append("kept 1", "kept 2")).toBe(2);
  expect(spill.damaged).toBe(4);
  // The two that were read are in good hands.
  expect(spill.spill.waiting.entries).toBe(4);
  for (const entry of read) spill.spill.settle(entry);
  expect(await spill.drain()).toEqual(["kept 1", "kept 2"]);
  expect(spill.spill.waiting).toEqual({ entries: 0, bytes: 0 });
  expect(spill.errors).toEqual([]);
  await spill.spill.close();
  expect(readdirSync(directory)).toEqual([]);
});

test("that its directory is removed is noticed by reading and looking too", async () => {
  for (const notice of ["read", "look"] as const) {
    const directory = spillDirectory();
    const spill = await openTexts(directory, notice === "look" ? { lookMs: 20 } : {});
    await spill.append(...texts("gone", 3));
    rmSync(directory, { recursive: true });
    if (notice === "read") expect(await spill.drain()).toEqual([]);
    while (spill.damaged === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(spill.damaged).toBe(3);
    expect(spill.spill.waiting.entries).toBe(0);
    expect(await spill.append("kept")).toBe(1);
    expect(await spill.drain()).toEqual(["kept"]);
    await spill.spill.close();
  }
});

test("a segment that is removed costs what was in it and no more", async () => {
  const directory = spillDirectory();
  const spill = await openTexts(directory, { segmentBytes: 26 + 2 * 29 });
  await spill.append(...texts("entry", 5));
  const [first = "", second = "", third = ""] = segmentsBelow(directory);
  rmSync(first);
  rmSync(third);
  expect(second).toContain("00001002.seg");
  expect(await spill.append("entry 6")).toBe(1);
  expect(await spill.drain()).toEqual(["entry 3", "entry 4", "entry 6"]);
  expect(spill.damaged).toBe(3);
  expect(spill.spill.waiting.entries).toBe(0);
  await spill.spill.close();
  expect(readdirSync(directory)).toEqual([]);
});

test("a directory that is moved away is no loss: whoever opens it finds what is in it", async () => {
  const directory = spillDirectory();
  const spill = await openTexts(directory);
  await spill.append(...texts("entry", 3));
  renameSync(directory, `${directory}.away`);
  expect(await spill.append("entry 4")).toBe(1);
  expect(await spill.drain()).toEqual(["entry 4"]);
  expect(spill.damaged).toBe(0);
  await spill.spill.close();
  const other = await openTexts(`${directory}.away`, { lookMs: 20 });
  while (other.readable === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // The fourth as well: it was written, and then seen to be in no place of ours.
  expect(await other.drain()).toEqual(texts("entry", 4));
  await other.spill.close();
});

/** A shell that lets no file become longer than so many blocks, of 512 or 1024 bytes. */
const filesUpTo = (blocks: number) => ["/bin/sh", "-c", `ulimit -f ${blocks} && exec "$@"`, "sh"];

test("what a disk takes only in part is cut back to whole entries, and the rest is taken later", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory, { segmentBytes: 1e6 }, filesUpTo(32));
  let written = 0;
  for (let turn = 0; turn < 4; turn += 1) {
    const answer = await child.ask({ do: "fill", size: 978 });
    expect(answer.written).toBeGreaterThan(10);
    expect(answer.written).toBeLessThan(40);
    expect(answer.errors).toEqual([expect.stringMatching(/EFBIG/)]);
    written += answer.written ?? 0;
  }
  for (const path of segmentsBelow(directory)) expect((statSync(path).size - 26) % 1_000).toBe(0);
  await child.kill();
  const next = await openTexts(directory);
  expect(next.spill.waiting.entries).toBe(written);
  expect(await next.drain()).toHaveLength(written);
  expect(next.damaged).toBe(0);
  await next.spill.close();
});

test("a disk that takes nothing at all is told once, and leaves nothing behind", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory, {}, filesUpTo(0));
  for (let turn = 0; turn < 5; turn += 1) {
    expect(await child.ask({ do: "append", texts: ["one"] })).toMatchObject({
      written: 0,
      errors: [expect.stringMatching(/cannot write .*EFBIG/)],
    });
  }
  await child.close();
  expect(readdirSync(directory)).toEqual([]);
});

/** What runs a command with a small file system of its own at `path`, where that may be mounted. */
function smallDisk(path: string): string[] | undefined {
  const mount = 'mount -t tmpfs -o size=512k tmpfs "$0" && exec "$@"';
  for (const options of [["-m"], ["-r", "-m"]]) {
    const within = ["unshare", ...options, "/bin/sh", "-c", mount, path];
    try {
      execFileSync(within[0] ?? "", [...within.slice(1), "true"], { stdio: "ignore" });
      return within;
    } catch {
      // Not on this system, or not for this user.
    }
  }
  return undefined;
}

// Where nothing may be mounted, the two tests above are what there is.
test.runIf(smallDisk(tmpdir()) !== undefined)(
  "a disk that is full takes entries again once some are settled",
  async () => {
    const directory = spillDirectory();
    mkdirSync(directory);
    await using child = await startSpill(
      directory,
      { segmentBytes: 100_026 },
      smallDisk(directory) ?? [],
    );
    for (let full = 1; full <= 3; full += 1) {
      let held = 0;
      for (let written = 100; written === 100; held += written) {
        written = (await child.ask({ do: "fill", size: 978 })).written ?? 0;
      }
      expect(held).toBeGreaterThan(400);
      expect(await child.ask({ do: "fill", size: 978 })).toMatchObject({
        written: 0,
        waiting: held,
        errors: Array.from({ length: full }, () => expect.stringMatching(/ENOSPC/)),
      });
      expect((await child.ask({ do: "read", settle: true })).read).toHaveLength(held);
    }
    expect(child.answers.at(-1)).toMatchObject({ damaged: 0 });
    await child.close();
  },
);
