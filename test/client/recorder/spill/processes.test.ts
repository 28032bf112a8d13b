import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { filesBelow, openTexts, segmentsBelow, spillDirectory, texts } from "./directories.ts";
import { type SpillProcess, startSpill } from "./start-process.ts";

/** Waits until it is so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

/** What a running process has acknowledged: its entries 0 to n - 1. */
function acknowledged({ answers }: SpillProcess, name: string): string[] {
  const count = Math.max(0, ...answers.map(({ written }) => written ?? 0));
  return Array.from({ length: count }, (_, index) => `${name}:${index}`);
}

test("all that a process killed at any moment had acknowledged is there for the next, in order", async () => {
  const directory = spillDirectory();
  const expected: string[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    await using child = await startSpill(directory, { segmentBytes: 2_000 });
    child.tell({ do: "run", name: `${turn}`, settle: false });
    await child.until(20 + 13 * turn);
    await child.kill();
    expected.push(...acknowledged(child, `${turn}`));
    // Those of all turns are still there: the one before has adopted what was there before it.
    if (turn % 4 !== 3) continue;
    const next = await openTexts(directory);
    const read = await next.readAll();
    expect(next.damaged).toBe(0);
    expect(read.filter((text) => expected.includes(text))).toEqual(expected);
    // Only what was being written when it was killed may be there as well.
    expect(read.length).toBeLessThanOrEqual(expected.length + 10 * (turn + 1));
    await next.spill.close();
  }
}, 60_000);

test("what a process adds when it exits is there for the next", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory);
  await child.ask({ do: "append", texts: ["before"] });
  expect(await child.ask({ do: "exit", texts: ["at", "the end"] })).toMatchObject({ written: 2 });
  await child.close();
  const next = await openTexts(directory);
  expect(await next.drain()).toEqual(["before", "at", "the end"]);
  await next.spill.close();
});

test("what a process leaves as it closes, a neighbour that is running adopts", async () => {
  const directory = spillDirectory();
  const neighbour = await openTexts(directory, { lookMs: 20 });
  await neighbour.append("own 1");
  await using child = await startSpill(directory);
  await child.ask({ do: "append", texts: texts("left", 3) });
  await child.close();
  await until(() => neighbour.readable > 0);
  await neighbour.append("own 2");
  expect(await neighbour.drain()).toEqual([...texts("left", 3), "own 1", "own 2"]);
  await neighbour.spill.close();
  expect(readdirSync(directory)).toEqual([]);
});

test("a process that lives is left alone", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory, { lookMs: 20 });
  await child.ask({ do: "append", texts: ["one"] });
  const [owner = ""] = filesBelow(directory).filter((path) => path.endsWith("owner"));
  const touched = () => readFileSync(owner, "utf8");
  const neighbour = await openTexts(directory, { lookMs: 400 });
  const before = touched();
  await until(() => touched() !== before);
  expect(neighbour.spill.waiting.entries).toBe(0);
  await neighbour.spill.close();
  expect(await child.ask({ do: "read", settle: true })).toMatchObject({ read: ["one"] });
  await child.close();
});

test("of a process on another machine one knows only that it no longer touches its session", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory);
  await child.ask({ do: "append", texts: ["one"] });
  await child.kill();
  const [owner = ""] = filesBelow(directory).filter((path) => path.endsWith("owner"));
  writeFileSync(owner, readFileSync(owner, "utf8").replace(/"machine":"/, '"machine":"another '));
  const neighbour = await openTexts(directory, { lookMs: 20 });
  expect(neighbour.spill.waiting.entries).toBe(0);
  await until(() => neighbour.readable > 0);
  expect(await neighbour.drain()).toEqual(["one"]);
  await neighbour.spill.close();
});

test("a frozen process whose session was claimed writes again what it had not acknowledged", async () => {
  const directory = spillDirectory();
  await using child = await startSpill(directory, { lookMs: 50, segmentBytes: 4_000 });
  child.tell({ do: "run", name: "frozen", settle: false });
  const found = new Set<string>();
  for (let turn = 1; turn <= 3; turn += 1) {
    await child.until(child.answers.length + 20);
    child.signal("SIGSTOP");
    const neighbour = await openTexts(directory, { lookMs: 20 });
    await until(() => neighbour.readable > 0);
    for (const text of await neighbour.drain()) found.add(text);
    expect(neighbour.damaged).toBe(0);
    await neighbour.spill.close();
    child.signal("SIGCONT");
  }
  await child.until(child.answers.length + 20);
  await child.kill();
  const next = await openTexts(directory);
  for (const text of await next.drain()) found.add(text);
  await next.spill.close();
  const all = acknowledged(child, "frozen");
  expect(all.filter((text) => !found.has(text))).toEqual([]);
  expect(child.answers.at(-1)).toMatchObject({ errors: [], damaged: 0 });
}, 60_000);

test("of processes on one directory that are killed one after the other, all is found by somebody", async () => {
  const directory = spillDirectory();
  const tuning = { lookMs: 50, segmentBytes: 3_000 };
  const running: { readonly child: SpillProcess; readonly name: string }[] = [];
  const ended: typeof running = [];
  const start = async () => {
    const name = `p${running.length + ended.length}`;
    const child = await startSpill(directory, tuning);
    child.tell({ do: "run", name, settle: true });
    running.push({ child, name });
  };
  await Promise.all([start(), start(), start()]);
  for (let kill = 0; kill < 8; kill += 1) {
    const [victim] = running.splice(kill % running.length, 1);
    if (victim === undefined) throw new Error("nobody is running");
    await victim.child.until(30 + 10 * (kill % 3));
    await victim.child.kill();
    ended.push(victim);
    await start();
  }
  for (const { child } of running) {
    await child.until(10);
    await child.kill();
  }
  ended.push(...running);
  const last = await openTexts(directory);
  const found = new Set(await last.drain());
  await last.spill.close();
  for (const { child } of ended) {
    for (const { read = [] } of child.answers) for (const text of read) found.add(text);
  }
  for (const { child, name } of ended) {
    const all = acknowledged(child, name);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter((text) => !found.has(text))).toEqual([]);
    expect(child.answers.at(-1)).toMatchObject({ errors: [], damaged: 0 });
  }
  expect(segmentsBelow(directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual([]);
}, 60_000);
