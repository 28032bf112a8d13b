import { randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SummarizeResponseSchema } from "../../../gen/audit/v1/audit_service_pb.ts";
import { EntryScope, EntryStatus } from "../../../gen/audit/v1/entry_pb.ts";
import type { NewEntry, TeamIdText } from "../../../src/client/new-entry.ts";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints } from "../../support/checkpoints.ts";
import { recordPast } from "../../support/history.ts";
import { createDatabase } from "../../support/postgres.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";

/** What a page shows after a while; the default of a second is short for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const hour = 3_600_000;
const team: TeamIdText = `team-${randomUUID()}`;
/** The first hour of the log's past: whole, in UTC. */
const first = Math.floor(Date.now() / hour) * hour - 96 * hour;

/** An entry an hour for four days; every tenth an error, every twelfth for admins only. */
function* history(): Generator<{ at: Date; entry: NewEntry }> {
  for (let n = 0; n < 96; n++) {
    const entry: NewEntry = {
      teamId: team,
      action: n % 2 === 0 ? "even" : "odd",
      actor: { type: "system", id: "system" },
      status: n % 10 === 0 ? "error" : "success",
      scope: n % 12 === 0 ? "admin" : "team",
    };
    yield { at: new Date(first + n * hour), entry };
  }
}

let held: AsyncDisposableStack;
let server: TestServer;
let browser: TestBrowser;
let admin: string;

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase());
  await recordPast(database.url, history());
  const { env } = stack.use(await createCheckpoints());
  server = stack.use(await startTestServer({ database, env }));
  browser = stack.use(await startBrowser());
  admin = await server.jwt({ role: "admin", teamId: team });
  held = stack.move();
});
afterAll(() => held.disposeAsync());

const timeline = (page: Page) => page.getByRole("region", { name: "Timeline" });
const slider = (page: Page) => timeline(page).getByRole("slider");
const searchOf = (page: Page) => new URL(page.url()).searchParams;

/** What the timeline says of each status, in the order of the stack. */
async function counts(page: Page): Promise<number[]> {
  const buttons = timeline(page).getByRole("button", { name: /^Only / });
  await buttons.first().waitFor();
  const texts = await buttons.locator("strong").allTextContents();
  return texts.map((text) => Number(text.replaceAll(",", "")));
}

/** What the API counts, in the same order. */
async function counted(credential: string): Promise<number[]> {
  const { buckets } = await server.clients(credential).audit.summarize({ teamId: team });
  const order = [EntryStatus.SUCCESS, EntryStatus.INFO, EntryStatus.WARNING, EntryStatus.ERROR];
  const all = buckets.flatMap((bucket) => bucket.counts);
  return order.map((status) =>
    all
      .filter((count) => count.status === status)
      .reduce((sum, { count }) => sum + Number(count), 0),
  );
}

/** The range in the address, in milliseconds. */
function range(page: Page): { since: number; until: number } {
  const query = searchOf(page).get("q") ?? "";
  const bound = (name: string) => Date.parse(new RegExp(`${name}:(\\S+)`).exec(query)?.[1] ?? "");
  return { since: bound("since"), until: bound("until") };
}

test("its counts are the API's: for an admin of everything, for a member of what it may read", async () => {
  const member = await server.jwt({ role: "member", teamId: team });
  for (const [credential, expected] of [
    [admin, [86, 0, 0, 10]],
    [member, [80, 0, 0, 8]],
  ] as const) {
    expect(await counted(credential)).toEqual(expected);
    await using watched = await browser.open(server.url, { credential });
    await eventually(() => counts(watched.page)).toEqual(expected);
  }
});

test("the counts follow the filter, and a status that is clicked filters", async () => {
  await using watched = await browser.open(server.url, {
    credential: admin,
    path: "/?q=action:even",
  });
  const { page } = watched;
  await eventually(() => counts(page)).toEqual([38, 0, 0, 10]);
  const error = timeline(page).getByRole("button", { name: /^Only error/ });
  await error.click();
  await eventually(() => searchOf(page).get("q")).toBe("action:even status:error");
  await eventually(() => counts(page)).toEqual([0, 0, 0, 10]);
  await error.click();
  await eventually(() => counts(page)).toEqual([38, 0, 0, 10]);
});

test("dragging zooms to whole buckets, the back button and zooming out come back", async () => {
  await using watched = await browser.open(server.url, { credential: admin });
  const { page } = watched;
  const over = slider(page).locator(".u-over");
  await over.waitFor();
  const box = await over.boundingBox();
  if (box === null) throw new Error("there is no histogram");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.255, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.505, y, { steps: 5 });
  await page.mouse.up();
  await eventually(() => searchOf(page).get("q")).toMatch(/^since:\S+Z until:\S+Z$/);
  const { since, until } = range(page);
  expect(since).toBe(first + 24 * hour);
  expect(until).toBe(first + 49 * hour);
  await eventually(async () => (await counts(page)).reduce((sum, n) => sum + n)).toBe(25);
  await page.goBack();
  await eventually(() => counts(page)).toEqual([86, 0, 0, 10]);
  await page.goForward();
  await timeline(page).getByRole("button", { name: "Zoom out" }).click();
  await eventually(() => range(page)).toEqual({
    since: since - 25 * hour,
    until: until + 25 * hour,
  });
});

test("a drag that slips out below the bars ends where it left them", async () => {
  await using watched = await browser.open(server.url, { credential: admin });
  const { page } = watched;
  const over = slider(page).locator(".u-over");
  await over.waitFor();
  const box = await over.boundingBox();
  if (box === null) throw new Error("there is no histogram");
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.255, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.505, y, { steps: 5 });
  await page.mouse.move(box.x + box.width * 0.505, y + 300, { steps: 3 });
  await page.mouse.up();
  await eventually(() => searchOf(page).get("q")).toMatch(/^since:\S+Z until:\S+Z$/);
  expect(range(page)).toEqual({ since: first + 24 * hour, until: first + 49 * hour });
});

test("a click shows one bucket, a double click more", async () => {
  await using watched = await browser.open(server.url, { credential: admin });
  const { page } = watched;
  const over = slider(page).locator(".u-over");
  await over.waitFor();
  const box = await over.boundingBox();
  if (box === null) throw new Error("there is no histogram");
  const position = { x: (box.width * 10.5) / 96, y: 20 };
  await over.click({ position });
  await eventually(() => range(page)).toEqual({
    since: first + 10 * hour,
    until: first + 11 * hour,
  });
  await eventually(() => counts(page)).toEqual([0, 0, 0, 1]);
  await over.dblclick({ position });
  await eventually(() => range(page).since).toBeLessThan(first + 10 * hour);
});

test("the keyboard goes from bucket to bucket, hears the counts, and zooms", async () => {
  await using watched = await browser.open(server.url, { credential: admin });
  const { page } = watched;
  await slider(page).locator(".u-over").waitFor();
  await slider(page).focus();
  await page.keyboard.press("Home");
  const value = () => slider(page).getAttribute("aria-valuetext");
  await eventually(value).toMatch(/: 1 error$/);
  await page.keyboard.press("ArrowRight");
  await eventually(value).toMatch(/: 1 success$/);
  await expectAccessible(page);
  await page.keyboard.press("Enter");
  await eventually(() => range(page)).toEqual({ since: first + hour, until: first + 2 * hour });
  await page.keyboard.press("Backspace");
  await eventually(() => range(page).since).toBe(first);
});

test("while the trail is live, the counts grow by themselves", async () => {
  const teamId: TeamIdText = `team-${randomUUID()}`;
  const own = await server.jwt({ role: "owner", teamId });
  const { audit } = server.clients(own);
  await audit.record({ entry: { action: "login" } });
  await using watched = await browser.open(server.url, { credential: own, path: "/?live=1" });
  await eventually(() => counts(watched.page)).toEqual([1, 0, 0, 0]);
  await audit.record({ entry: { action: "login", status: EntryStatus.ERROR } });
  await eventually(() => counts(watched.page)).toEqual([1, 0, 0, 1]);
});

test("it says how far back was counted when the server stopped at its limit", async () => {
  await using watched = await browser.open(server.url, {
    credential: admin,
    path: "/?q=status:info",
  });
  const { page } = watched;
  // The limit is two hundred thousand entries: here the answer is one that a server may give.
  const body = toBinary(
    SummarizeResponseSchema,
    create(SummarizeResponseSchema, {
      bucketWidth: { seconds: 3_600n },
      startTime: timestampFromMs(first),
      endTime: timestampFromMs(first + 96 * hour),
      countedFrom: timestampFromMs(first + 48 * hour),
      buckets: [
        {
          startTime: timestampFromMs(first + 50 * hour),
          counts: [{ status: EntryStatus.ERROR, scope: EntryScope.TEAM, count: 1_234n }],
        },
      ],
    }),
  );
  await page.route("**/audit.v1.AuditService/Summarize*", (route) =>
    route.fulfill({ contentType: "application/proto", body: Buffer.from(body) }),
  );
  await page.getByRole("combobox", { name: "Query line" }).fill("action:even");
  await page.keyboard.press("Enter");
  await eventually(() => counts(page)).toEqual([0, 0, 0, 1_234]);
  const time = new Date(first + 48 * hour).toISOString().slice(0, 16).replace("T", " ");
  await timeline(page).getByText(`Counted back to ${time}`).waitFor();
});

test("a failure of the counts is said beside the trail, which is there, and can be tried again", async () => {
  await using watched = await browser.open(server.url, {
    credential: admin,
    path: "/log",
    tolerates: [/400/],
  });
  const { page } = watched;
  const summarize = "**/audit.v1.AuditService/Summarize*";
  await page.route(summarize, (route) =>
    route.fulfill({
      status: 400,
      contentType: "application/json",
      body: JSON.stringify({ code: "internal", message: "broken" }),
    }),
  );
  await page.getByRole("link", { name: "Trail" }).click();
  await page.getByText("The timeline could not be read.").waitFor();
  await page.locator("tbody [data-filter-field=action]").first().waitFor();
  await page.unroute(summarize);
  await page.getByRole("button", { name: "Try again" }).click();
  await eventually(() => counts(page)).toEqual([86, 0, 0, 10]);
});

test("of all teams there is no timeline, and an empty log has none", async () => {
  const platform = await server.jwt({ role: "platform_admin" });
  await using all = await browser.open(server.url, { credential: platform, path: "/?team=all" });
  await all.page.getByText("The timeline is of one team").waitFor();
  const empty = await server.jwt({ role: "owner", teamId: `team-${randomUUID()}` });
  await using none = await browser.open(server.url, { credential: empty });
  await none.page.getByRole("combobox", { name: "Query line" }).waitFor();
  expect(await timeline(none.page).count()).toBe(0);
});

test.each(["light", "dark"] as const)("its bars have the theme's colours in %s", async (scheme) => {
  await using watched = await browser.open(server.url, {
    credential: admin,
    context: { colorScheme: scheme },
  });
  const { page } = watched;
  await slider(page).locator("canvas").waitFor();
  await expectAccessible(page);
  const drawn = () =>
    slider(page)
      .locator("canvas")
      .evaluate((canvas: HTMLCanvasElement) => {
        const name = getComputedStyle(canvas).getPropertyValue("--status-success").trim();
        const { data } =
          canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {};
        const wanted = Number.parseInt(name.slice(1), 16);
        for (let i = 0; data !== undefined && i < data.length; i += 4) {
          const found = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
          if (found === wanted && data[i + 3] === 255) return true;
        }
        return false;
      });
  await eventually(drawn).toBe(true);
  await page.getByRole("button", { name: /colours$/ }).click();
  await eventually(drawn).toBe(true);
});
