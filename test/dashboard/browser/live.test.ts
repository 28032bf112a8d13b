import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NewEntry, TeamIdText } from "../../../src/client/new-entry.ts";
import { createRecorder } from "../../../src/client/recorder/create-recorder.ts";
import { startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { createDatabase } from "../../support/postgres.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";
import { adminToken, startServerProcess } from "../../support/server-process.ts";
import { rowOf, scrollTo, sequencesShown } from "./table.ts";

let browser: TestBrowser;
let checkpoints: TestCheckpoints;
let server: TestServer;

beforeAll(async () => {
  checkpoints = await createCheckpoints();
  [browser, server] = await Promise.all([
    startBrowser(),
    startTestServer({ env: checkpoints.env }),
  ]);
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await server?.close();
  await checkpoints?.[Symbol.asyncDispose]();
});

const down = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, n) => from - n);

function entry(teamId: string, n: number): NewEntry {
  return {
    teamId: teamId as TeamIdText,
    action: n % 2 === 0 ? "destroy" : "create",
    actor: { type: "user", id: newId("usr") },
    resource: { type: "snapshot", id: `nightly-${n}` },
  };
}

/** How the live view stands, as it is said beside its switch. */
function liveState(page: Page) {
  return page.locator("[data-tone]");
}

/** A team with some entries, a live page of it and the way to record more. */
async function follow(size: number, path = "/?live=1") {
  const teamId = newId("team");
  const recorder = createRecorder({
    baseUrl: server.url,
    token: await server.jwt({ role: "service" }),
  });
  let recorded = 0;
  const record = async (count: number) => {
    for (let n = 0; n < count; n++) recorder.record(entry(teamId, ++recorded));
    expect(await recorder.flush({ timeoutMs: 10_000 })).toBe(true);
  };
  await record(size);
  const credential = await server.jwt({ role: "admin", teamId });
  const watched = await browser.open(server.url, { path, credential });
  const close = async () => {
    await watched[Symbol.asyncDispose]();
    await recorder.close();
  };
  return { page: watched.page, record, [Symbol.asyncDispose]: close };
}

test("new rows come in at the top by themselves, each once, with filters too", async () => {
  await using live = await follow(20, "/?live=1&q=action%3Adestroy");
  const { page, record } = live;
  await liveState(page)
    .getByText(/ a second$/)
    .waitFor();
  await rowOf(page, 20).waitFor();
  await record(20);
  await rowOf(page, 40).waitFor();
  await record(2);
  await rowOf(page, 42).waitFor();
  expect((await sequencesShown(page)).slice(0, 12)).toEqual(
    down(42, 1)
      .filter((n) => n % 2 === 0)
      .slice(0, 12),
  );
});

test("no row is missing or twice after the server was restarted in the middle", async () => {
  await using database = await createDatabase();
  await using servers = new AsyncDisposableStack();
  const env = { DATABASE_URL: database.url, ...checkpoints.env };
  const first = servers.use(await startServerProcess(env));
  const teamId = newId("team");
  await using recorder = createRecorder({ baseUrl: first.url, token: adminToken });
  let recorded = 0;
  const record = (count: number) => {
    for (let n = 0; n < count; n++) recorder.record(entry(teamId, ++recorded));
  };
  record(5);
  expect(await recorder.flush({ timeoutMs: 10_000 })).toBe(true);
  await using watched = await browser.open(first.url, {
    path: `/?live=1&team=${teamId}`,
    credential: await adminToken(),
    // What the browser itself says of a server that is away.
    tolerates: [/Failed to load resource|ERR_/],
    context: { viewport: { width: 1280, height: 2_400 } },
  });
  const { page } = watched;
  await rowOf(page, 5).waitFor();
  record(5);
  await rowOf(page, 10).waitFor();

  await first.end("SIGTERM");
  record(15);
  await liveState(page)
    .getByText(/^Reconnecting/)
    .waitFor();
  servers.use(await startServerProcess({ ...env, PORT: new URL(first.url).port }));
  record(15);
  await rowOf(page, 40).waitFor();
  record(3);
  await rowOf(page, 43).waitFor();
  expect(await sequencesShown(page)).toEqual(down(43, 1));
  await liveState(page)
    .getByText(/ a second$/)
    .waitFor();
}, 90_000);

test("one who reads further down is not moved: a pill counts what is new, and leads there", async () => {
  await using live = await follow(200);
  const { page, record } = live;
  await rowOf(page, 200).waitFor();
  await page.getByRole("grid").evaluate((grid) => {
    grid.scrollTop = 2_000;
  });
  const read = rowOf(page, 140);
  await read.waitFor();
  const place = await read.boundingBox();
  await record(12);
  const pill = page.getByRole("button", { name: "12 new" });
  await pill.waitFor();
  expect(await read.boundingBox()).toEqual(place);
  await pill.click();
  await rowOf(page, 212).waitFor();
  await pill.waitFor({ state: "detached" });
  expect((await sequencesShown(page)).slice(0, 15)).toEqual(down(212, 198));
  // At the top again, it follows again.
  await record(1);
  await rowOf(page, 213).waitFor();
});

test("a pause keeps what arrives, and resuming lets it in", async () => {
  await using live = await follow(20);
  const { page, record } = live;
  await rowOf(page, 20).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await liveState(page).getByText("Paused").waitFor();
  await record(7);
  await page.getByRole("button", { name: "7 new" }).waitFor();
  await liveState(page).getByText("Paused, 7 waiting").waitFor();
  expect((await sequencesShown(page))[0]).toBe(20);
  await page.getByRole("button", { name: "Resume" }).click();
  await rowOf(page, 27).waitFor();
  expect(await sequencesShown(page)).toEqual(
    down(27, 1).slice(0, (await sequencesShown(page)).length),
  );
});

test("live is switched on and off by its key; the rows stay, and it goes on where it was", async () => {
  await using live = await follow(20, "/");
  const { page, record } = live;
  await rowOf(page, 20).waitFor();
  await record(3);
  await page.keyboard.press("l");
  await page.waitForURL(/live=1/);
  await rowOf(page, 23).waitFor();
  await page.keyboard.press("l");
  await page.waitForURL((url) => !url.searchParams.has("live"));
  await record(3);
  expect((await sequencesShown(page))[0]).toBe(23);
  await page.keyboard.press("l");
  await rowOf(page, 26).waitFor();
  expect((await sequencesShown(page)).slice(0, 10)).toEqual(down(26, 17));
});

test("from the middle of the log, live leads to its end", async () => {
  await using live = await follow(20, "/?at=2020-01-01T00%3A00%3A00.000Z");
  const { page, record } = live;
  await rowOf(page, 1).waitFor();
  await page.keyboard.press("l");
  await page.waitForURL((url) => url.search === "?live=1");
  await record(1);
  await rowOf(page, 21).waitFor();
});

test("through every change of the view the rows stay one stretch, in order, each once", async () => {
  await using live = await follow(600, "/");
  const { page, record } = live;
  await rowOf(page, 600).waitFor();
  let isRecording = true;
  let recorded = 600;
  const recording = (async () => {
    for (; isRecording; recorded += 20) {
      await record(20);
      await pause(200);
    }
  })();
  const grid = page.getByRole("grid");
  const scroll = (to: number) =>
    grid.evaluate((element, top) => {
      element.scrollTop = top;
    }, to);
  const middle = new Date().toISOString();
  const steps: Record<string, () => Promise<unknown>> = {
    "live on": () => page.keyboard.press("l"),
    "reading further down": () => scroll(3_000),
    "back at the top": () => page.keyboard.press("g"),
    pause: () => page.getByRole("button", { name: "Pause", exact: true }).click(),
    "scrolled while paused": () => scroll(900),
    resume: () => page.getByRole("button", { name: "Resume", exact: true }).click(),
    pill: () => page.getByRole("button", { name: / new$/ }).click(),
    "another range while live": () => page.goto(`${page.url()}&q=since%3A24h`),
    "a filter while live": () => page.locator("#query-line").fill("until:2099-01-01"),
    applied: () => page.keyboard.press("Enter"),
    "live off": async () => {
      await page.locator("body").press("Escape");
      await page.getByRole("switch", { name: "Live" }).click();
    },
    "live on and off at once": async () => {
      for (let n = 0; n < 5; n++) await page.keyboard.press("l");
    },
    back: () => page.goBack(),
    "back again": () => page.goBack(),
    forward: () => page.goForward(),
    "in the middle": () =>
      page.goto(`${new URL(page.url()).origin}/?at=${encodeURIComponent(middle)}`),
    "up from there": () => scroll(0),
    "live from the middle": () => page.keyboard.press("l"),
    "read anew": async () => {
      await page.keyboard.press("l");
      await page.getByRole("button", { name: "Read anew" }).click();
    },
  };
  try {
    for (const [name, step] of Object.entries(steps)) {
      await step();
      await rowOf(page, 1).or(page.locator("tbody tr")).first().waitFor();
      for (let look = 0; look < 8; look++) {
        const shown = await sequencesShown(page);
        const first = shown[0] ?? 0;
        expect(shown, name).toEqual(down(first, first - shown.length + 1));
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
    }
  } finally {
    isRecording = false;
    await recording;
  }
  await page.getByRole("button", { name: "Read anew" }).click();
  await rowOf(page, recorded).waitFor();
  expect(await scrollTo(page, 1)).toEqual(down(recorded, 1));
}, 120_000);

test("a page that is read while the server restarts comes when it is back, and nothing is missing", async () => {
  await using database = await createDatabase();
  await using servers = new AsyncDisposableStack();
  const env = { DATABASE_URL: database.url, ...checkpoints.env };
  const first = servers.use(await startServerProcess(env));
  const teamId = newId("team");
  await using recorder = createRecorder({ baseUrl: first.url, token: adminToken });
  for (let n = 1; n <= 700; n++) recorder.record(entry(teamId, n));
  expect(await recorder.flush({ timeoutMs: 10_000 })).toBe(true);
  await using watched = await browser.open(first.url, {
    path: `/?team=${teamId}`,
    credential: await adminToken(),
    tolerates: [/Failed to load resource|ERR_/],
  });
  const { page } = watched;
  await rowOf(page, 700).waitFor();
  await first.end("SIGTERM");
  await page.keyboard.press("G");
  const again = page.getByRole("button", { name: "Try again" });
  await again.waitFor();
  servers.use(await startServerProcess({ ...env, PORT: new URL(first.url).port }));
  await again.click();
  await again.waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await rowOf(page, 700).waitFor();
  expect(await scrollTo(page, 1)).toEqual(down(700, 1));
}, 90_000);
