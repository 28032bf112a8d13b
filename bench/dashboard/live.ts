import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium, type Page } from "playwright-core";
import { createRecorder } from "../../src/client/recorder/create-recorder.ts";
import { chromiumLaunch } from "../../test/support/chromium.ts";
import { entryMaker, newTeamId } from "../recorder/entries.ts";
import { type Cell, figure, progress } from "../report.ts";
import { percentile } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { adminToken } from "../token.ts";
import { countFrames, measureHeld } from "./frames.ts";

const perSecond = 1_000;
/** How often entries are recorded; a part of a second's each time. */
const everyMs = 20;
/** Looks at the page, evenly over the whole time. */
const fullLooks = 10;
const quickLooks = 2;
/** Until the page holds as much as it ever does: the rows, and the last 100,000 entries' keys. */
const fullFillSeconds = 120;
const quickFillSeconds = 2;
/** What the heap may grow by then: what its samples differ by. */
const mostGrowthMiB = 4;
const build = fileURLToPath(new URL("../../src/dashboard/build.ts", import.meta.url));

/** Follows a log that grows fast, in a browser, and measures how that does. */
export async function measureLive({ postgres, report, seconds, quick }: Setting): Promise<void> {
  const looks = quick ? quickLooks : fullLooks;
  const fillSeconds = quick ? quickFillSeconds : fullFillSeconds;
  await promisify(execFile)(process.execPath, [build, "--if-stale"]);
  await using database = await postgres.createDatabase();
  await using server = await startServer(database.url);
  const teamId = newTeamId();
  await using recorder = createRecorder({
    baseUrl: server.url,
    token: adminToken,
    // What a busy machine holds up is recorded late, and not given up.
    maxEntries: 60 * perSecond,
  });
  const browser = await chromium.launch(await chromiumLaunch());
  await using _browser = { [Symbol.asyncDispose]: () => browser.close() };
  const context = { viewport: { width: 1280, height: 800 }, locale: "en-GB" };
  const page = await (await browser.newContext(context)).newPage();
  const devtools = await page.context().newCDPSession(page);

  const make = entryMaker(teamId);
  let recorded = 0;
  const record = (count: number) => {
    for (let n = 0; n < count; n++) recorder.record(make());
    recorded += count;
  };
  record(200);
  if (!(await recorder.flush({ timeoutMs: 30_000 }))) throw new Error("not recorded in time");
  const token = encodeURIComponent(await adminToken());
  await page.goto(`${server.url}/?team=${teamId}&live=1#token=${token}`);
  await topRow(page, recorded);

  const rows: Cell[][] = [];
  const look = async (name: string, length: number) => {
    const before = recorded;
    const { perSecond: frames, longestMs } = await countFrames(page, length);
    const arrived = (recorded - before) / length;
    const { heapMiB, nodes } = await measureHeld(devtools);
    const sorted = frames.toSorted((a, b) => a - b);
    const mean = frames.reduce((sum, each) => sum + each, 0) / length;
    progress(`${name}: ${mean.toFixed(1)} frames/s, ${heapMiB.toFixed(1)} MiB`);
    rows.push([name, arrived, mean, percentile(sorted, 0), longestMs, heapMiB, nodes]);
    return { frames, heapMiB };
  };

  await look("baseline: nothing arrives", quick ? 2 : 5);
  const started = performance.now();
  const first = recorded;
  // By the clock, so that a late timer does not make it slower.
  const timer = setInterval(() => {
    const due = ((performance.now() - started) / 1_000) * perSecond;
    record(Math.max(0, Math.floor(due) - (recorded - first)));
  }, everyMs);
  const all: number[] = [];
  const heaps: number[] = [];
  try {
    heaps.push((await look(`the first ${fillSeconds} s`, fillSeconds)).heapMiB);
    const length = Math.max(1, Math.round(seconds / looks));
    for (let n = 1; n <= looks; n++) {
      const { frames, heapMiB } = await look(`live, after ${fillSeconds + n * length} s`, length);
      all.push(...frames);
      heaps.push(heapMiB);
    }
    await page.getByRole("grid").evaluate((grid) => {
      grid.scrollTop = 4_000;
    });
    await look("live, while one reads further down", length);
  } finally {
    clearInterval(timer);
  }
  if (!(await recorder.flush({ timeoutMs: 30_000 }))) throw new Error("not recorded in time");
  await page.keyboard.press("g");
  await topRow(page, recorded);

  report.table({
    title: `${figure(perSecond)} entries a second in a browser that follows them`,
    columns: [
      "",
      "entries/s",
      "frames/s",
      "in the worst second",
      "longest frame, ms",
      "heap, MiB",
      "nodes",
    ],
    rows,
    note:
      "Frames by requestAnimationFrame at 60 Hz, 1280 by 800, drawn without a graphics card; heap and " +
      "nodes after the garbage was collected. Browser, server, database and recorder share this machine. " +
      "In the end the newest entry was on top.",
  });
  all.sort((a, b) => a - b);
  report.claim({
    what: "frames a second while live, of 95 in 100 seconds",
    measured: percentile(all, 0.05),
    unit: "frames/s",
    target: { atLeast: 50 },
  });
  const [filled = 0, ...later] = heaps;
  report.claim({
    what: `heap while live, the most over what it was after ${fillSeconds} s`,
    measured: Math.max(...later) - filled,
    unit: "MiB",
    target: { atMost: mostGrowthMiB },
  });
}

/** Waits until an entry's row is on top. */
async function topRow(page: Page, sequence: number): Promise<void> {
  await page.locator(`tr[aria-rowindex="2"][id$="-${sequence}"]`).waitFor({ timeout: 60_000 });
}
