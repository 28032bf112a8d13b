import { randomUUID } from "node:crypto";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EntryFilter, filterMessage } from "../../../src/client/entry-filter.ts";
import type { NewEntry, TeamIdText } from "../../../src/client/new-entry.ts";
import {
  expectAccessible,
  startBrowser,
  type TestBrowser,
  type Watched,
} from "../../support/browser.ts";
import { createCheckpoints } from "../../support/checkpoints.ts";
import { recordPast } from "../../support/history.ts";
import { createDatabase } from "../../support/postgres.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";

/** What a page shows after a while; the default of a second is short for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const day = 86_400_000;
const hour = 3_600_000;
/** Midnight of today, UTC: the zone that the browser is in. */
const midnight = Math.floor(Date.now() / day) * day;
const team: TeamIdText = `team-${randomUUID()}`;
const ada = `usr-${randomUUID()}`;
const grace = `usr-${randomUUID()}`;
const bot = `key-${randomUUID()}`;
const box = `sb-${randomUUID()}`;
const odd = 'a "b", c:\\d <script>alert(1)</script> \u202e\u200b';

/** Each entry's action tells it from the others. */
const past: [at: number, NewEntry][] = [
  [
    midnight - 10 * day,
    {
      action: "one.create",
      actor: { type: "user", id: ada, name: "Ada Lovelace" },
      resource: { type: "sandbox", id: box },
      context: { requestId: "r-1" },
      occurTime: new Date(midnight - 11 * day),
    },
  ],
  [
    midnight - 9 * day,
    {
      action: "two.create",
      actor: { type: "user", id: grace },
      resource: { type: "snapshot", id: odd },
      status: "error",
      occurTime: new Date(midnight - 9 * day),
    },
  ],
  [
    midnight - 4 * day,
    {
      action: "three.destroy",
      actor: { type: "api_key", id: bot },
      resource: { type: "sandbox", id: box },
      status: "warning",
      context: { requestId: "r-2" },
    },
  ],
  [
    midnight - day + hour,
    { action: "four.login", actor: { type: "user", id: ada }, status: "info", scope: "admin" },
  ],
  [
    Date.now() - hour / 2,
    {
      action: "five.rename",
      actor: { type: "system", id: "system" },
      resource: { type: "snapshot", id: "nightly" },
      context: { requestId: "r-1" },
    },
  ],
];

let held: AsyncDisposableStack;
let server: TestServer;
let browser: TestBrowser;
let admin: string;

beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase());
  await recordPast(
    database.url,
    past.map(([at, entry]) => ({ at: new Date(at), entry: { ...entry, teamId: team } })),
  );
  const { env } = stack.use(await createCheckpoints());
  server = stack.use(await startTestServer({ database, env }));
  browser = stack.use(await startBrowser());
  admin = await server.jwt({ role: "admin", teamId: team });
  held = stack.move();
});
afterAll(() => held.disposeAsync());

/** The actions of the rows on the page, newest first. */
const shown = (page: Page) =>
  page
    .locator("tbody [data-filter-field=action]")
    .evaluateAll((cells) => cells.map((cell) => (cell as HTMLElement).dataset.filterValue ?? ""));

/** The actions of the entries that the API lists, newest first. */
async function listed(filter: EntryFilter): Promise<string[]> {
  const { audit } = server.clients(admin);
  const { entries } = await audit.list({ teamId: team, filter: filterMessage(filter) });
  return entries.map(({ action }) => action);
}

const everything = ["five.rename", "four.login", "three.destroy", "two.create", "one.create"];
const line = (page: Page): Locator => page.getByRole("combobox", { name: "Query line" });
const queryOf = (page: Page) => new URL(page.url()).searchParams.get("q");
const open = (path = "/") => browser.open(server.url, { credential: admin, path });
const expectShown = (page: Page, actions: readonly string[]) =>
  eventually(() => shown(page)).toEqual(actions);

async function enter(page: Page, query: string): Promise<void> {
  await line(page).fill(query);
  await line(page).press("Enter");
}

const times = { from: new Date(midnight - 9 * day), to: new Date(midnight) };
const iso = (ms: number) => new Date(ms).toISOString();

describe("in the query line", () => {
  // One page for all: each leaves it as it found it.
  let watched: Watched;
  let page: Page;
  beforeAll(async () => {
    watched = await open();
    page = watched.page;
  });
  afterAll(() => watched[Symbol.asyncDispose]());

  test.each<[query: string, fields: EntryFilter]>([
    ["action:one.create,five.rename", { actions: ["one.create", "five.rename"] }],
    [`actor:${ada}`, { actorIds: [ada] }],
    ["actor_type:api_key,system", { actorTypes: ["api_key", "system"] }],
    [`resource:${box}`, { resourceIds: [box] }],
    [`resource:${JSON.stringify(odd)}`, { resourceIds: [odd] }],
    ["type:snapshot", { resourceTypes: ["snapshot"] }],
    ["status:warning,error", { statuses: ["warning", "error"] }],
    ["scope:admin", { scopes: ["admin"] }],
    ["request:r-1", { requestIds: ["r-1"] }],
    [`since:${iso(midnight - 9 * day)}`, { recordTime: { from: times.from } }],
    [`until:${iso(midnight)}`, { recordTime: { to: times.to } }],
    [`occurred_since:${iso(midnight - 9 * day)}`, { occurTime: { from: times.from } }],
    [`occurred_until:${iso(midnight - 9 * day)}`, { occurTime: { to: times.from } }],
  ])("%s shows what the API lists, and the chip turns it round", async (query, fields) => {
    const included = await listed(fields);
    const excluded = await listed({ exclude: fields });
    expect(included.length).toBeGreaterThan(0);
    expect(excluded.length).toBeGreaterThan(0);
    expect([...included, ...excluded].sort()).toEqual([...everything].sort());
    await expectShown(page, everything);
    await enter(page, query);
    await expectShown(page, included);
    const chip = page.getByRole("list", { name: "Conditions" }).getByRole("listitem");
    await chip.getByRole("button", { name: /^Leave it out/ }).click();
    await expectShown(page, excluded);
    expect(queryOf(page)).toMatch(/^-/);
    await chip.getByRole("button", { name: /^Ask for it/ }).click();
    await expectShown(page, included);
    await chip.getByRole("button", { name: /^Remove/ }).click();
    await expectShown(page, everything);
    expect(queryOf(page)).toBeNull();
  });
});

test("a value that is clicked becomes the only one, is left out, and comes back by the back button", async () => {
  await using watched = await open();
  const { page } = watched;
  const value = (text: string) => page.locator(`tbody [data-filter-value="${text}"]`).first();
  await value(box).click();
  await expectAccessible(page);
  await page.getByRole("menuitem", { name: "Only this" }).click();
  await expectShown(page, ["three.destroy", "one.create"]);
  await value(ada).click();
  await page.getByRole("menuitem", { name: "Leave out" }).click();
  await expectShown(page, ["three.destroy"]);
  expect(queryOf(page)).toBe(`resource:${box} -actor:${ada}`);
  await value("warning").click({ modifiers: ["Alt"] });
  await eventually(() => queryOf(page)).toBe(`resource:${box} -actor:${ada} -status:warning`);
  await expectShown(page, []);
  await page.goBack();
  await page.goBack();
  await expectShown(page, ["three.destroy", "one.create"]);
  expect(await line(page).inputValue()).toBe(`resource:${box}`);
  await page.goBack();
  await expectShown(page, everything);
});

test("a value's menu closes with Escape and gives the focus back", async () => {
  await using watched = await open();
  const { page } = watched;
  const value = page.locator(`tbody [data-filter-value="${box}"]`).first();
  await value.click();
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("menu").waitFor({ state: "detached" });
  expect(await value.evaluate((element) => element === document.activeElement)).toBe(true);
  await page.keyboard.press("ArrowLeft");
  expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset)).toMatchObject({
    filterField: "type",
    filterValue: "sandbox",
  });
});

test("a usual range of time is chosen, and one's own", async () => {
  await using watched = await open();
  const { page } = watched;
  const range = page.getByRole("button", { name: /^Time range/ });
  for (const [name, query, actions] of [
    ["Last hour", "since:1h", ["five.rename"]],
    ["Yesterday", "since:yesterday until:today", ["four.login"]],
    ["Last 7 days", "since:7d", ["five.rename", "four.login", "three.destroy"]],
  ] as const) {
    await range.click();
    await page.getByRole("button", { name, exact: true }).click();
    await expectShown(page, actions);
    expect(queryOf(page)).toBe(query);
    expect(await range.textContent()).toBe(name);
  }
  await range.click();
  const date = (ms: number) => iso(ms).slice(0, 16);
  await page.getByLabel(/^From/).fill(date(midnight - 9 * day));
  await page.getByLabel(/^To/).fill(date(midnight - 10 * day));
  await page.getByRole("button", { name: "Show this range" }).click();
  await page.getByText("It must be after the beginning").waitFor();
  await page.getByLabel(/^To/).fill(date(midnight - 4 * day));
  await expectAccessible(page);
  await page.getByRole("button", { name: "Show this range" }).click();
  await expectShown(page, ["two.create"]);
  await range.click();
  await page.getByRole("button", { name: "All time" }).click();
  await expectShown(page, everything);
});

test("a link shows what it says, and a date in it is the same moment for every reader", async () => {
  const day10 = iso(midnight - 10 * day).slice(0, 10);
  await using watched = await browser.open(server.url, {
    credential: admin,
    path: `/?${new URLSearchParams({ q: "-action:one.create status:success" })}`,
    context: { timezoneId: "Europe/Vienna" },
  });
  const { page } = watched;
  await expectShown(page, ["five.rename"]);
  expect(await line(page).inputValue()).toBe("-action:one.create status:success");
  await enter(page, `since:${day10} action:one.create`);
  await expectShown(page, ["one.create"]);
  expect(queryOf(page)).toMatch(new RegExp(`^since:${day10}T00:00\\+0[12]:00 action:one.create$`));
  await page.getByText("UTC", { exact: true }).click();
  await enter(page, `since:${day10}`);
  await eventually(() => queryOf(page)).toBe(`since:${day10}T00:00Z`);
});

test("a line with a mistake is not applied, says what to do, and the trail stays", async () => {
  await using watched = await open("/?q=status:error");
  const { page } = watched;
  await expectShown(page, ["two.create"]);
  await enter(page, "status:failed create");
  const alert = page.getByRole("alert");
  await alert.getByText("status: is one of success, info, warning, error").waitFor();
  await alert.getByText("Say what it is: action:create").waitFor();
  await alert.getByText("The trail still shows the filter before.").waitFor();
  await expectAccessible(page);
  await expectShown(page, ["two.create"]);
  expect(queryOf(page)).toBe("status:error");
  await alert.getByRole("button", { name: "failed" }).click();
  await page.keyboard.type("warning");
  expect(await line(page).inputValue()).toBe("status:warning create");
  await enter(page, "status:warning");
  await expectShown(page, ["three.destroy"]);
  await eventually(() => alert.textContent()).toBe("");
  await line(page).fill("nonsense");
  await line(page).press("Escape");
  expect(await line(page).inputValue()).toBe("status:warning");
});

test("a link with a mistake shows nothing rather than too much", async () => {
  await using watched = await open("/?q=actoin:create");
  const { page } = watched;
  const lists: string[] = [];
  page.on("request", (request) => {
    if (/AuditService\/(List|Summarize|Stream)$/.test(request.url())) lists.push(request.url());
  });
  await page.getByText("Nothing is shown until the line is mended.").waitFor();
  expect(await shown(page)).toEqual([]);
  expect(lists).toEqual([]);
  await enter(page, "action:one.create");
  await expectShown(page, ["one.create"]);
});

test("the line is completed by the keyboard, from names that are on the page", async () => {
  await using watched = await open();
  const { page } = watched;
  await expectShown(page, everything);
  await line(page).pressSequentially("lovel");
  await page.getByRole("option", { name: "Ada Lovelace" }).waitFor();
  await expectAccessible(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await line(page).inputValue()).toBe(`actor:${ada}`);
  await page.keyboard.type(" sco");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await line(page).inputValue()).toBe(`actor:${ada} scope:team`);
  await page.keyboard.press("Enter");
  await expectShown(page, ["one.create"]);
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await expectShown(page, everything);
});

test("an entry's id opens the entry and leaves the filter as it is", async () => {
  const { audit } = server.clients(admin);
  const { entries } = await audit.list({ teamId: team });
  const id = entries[2]?.id ?? "";
  await using watched = await open("/?q=status:error");
  const { page } = watched;
  await enter(page, id);
  await eventually(() => new URL(page.url()).searchParams.get("entry")).toBe(id);
  expect(queryOf(page)).toBe("status:error");
});

test.each(["light", "dark"] as const)(
  "the filter is accessible on a phone in %s",
  async (scheme) => {
    await using watched = await browser.open(server.url, {
      credential: admin,
      path: "/?q=-status:error action:one.create,two.create since:30d",
      context: { colorScheme: scheme, viewport: { width: 360, height: 740 } },
    });
    const { page } = watched;
    await expectShown(page, ["one.create"]);
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      360,
    );
  },
);
