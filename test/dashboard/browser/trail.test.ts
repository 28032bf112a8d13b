import { afterAll, beforeAll, expect, test } from "vitest";
import { ActorType } from "../../../gen/audit/v1/entry_pb.ts";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";
import { rowOf, scrollTo, sequencesShown } from "./table.ts";

const size = 10_000;
const teamId = newId("team");
let checkpoints: TestCheckpoints;
let server: TestServer;
let browser: TestBrowser;
let credential: string;

beforeAll(async () => {
  checkpoints = await createCheckpoints();
  [server, browser] = await Promise.all([
    startTestServer({ env: checkpoints.env }),
    startBrowser(),
  ]);
  credential = await server.jwt({ role: "admin", teamId, name: "Ada Byron" });
  const service = server.clients(await server.jwt({ role: "service" }));
  for (let from = 1; from <= size; from += 500) {
    await service.audit.recordBatch({
      entries: Array.from({ length: 500 }, (_, n) => entry(from + n)),
      acknowledgeOnly: true,
    });
  }
}, 120_000);

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await server?.close();
  await checkpoints?.[Symbol.asyncDispose]();
});

function entry(n: number) {
  return {
    teamId,
    action: n % 100 === 0 ? "destroy" : "create",
    actor: { type: ActorType.USER, id: newId("usr"), name: `Person ${n}` },
    resource: { type: "snapshot", id: `nightly-${n}`, name: `Nightly ${n}` },
  };
}

const down = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, n) => from - n);

test("ten thousand rows are paged to the end, in order, each once", async () => {
  const context = { viewport: { width: 1280, height: 2_400 } };
  await using watched = await browser.open(server.url, { credential, context });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  expect(await scrollTo(page, 1)).toEqual(down(size, 1));
  await page.getByText("The beginning of the log").waitFor();
  // Nothing was let go of on the way.
  await page.keyboard.press("g");
  await rowOf(page, size).waitFor();
  expect((await sequencesShown(page))[0]).toBe(size);
}, 120_000);

test("the table is accessible, and says what it is", async () => {
  await using watched = await browser.open(server.url, { credential });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  const grid = page.getByRole("grid", { name: "Entries, newest first" });
  expect(await grid.getAttribute("aria-rowcount")).toBe("-1");
  const headings = await grid.getByRole("columnheader").allInnerTexts();
  expect(headings).toEqual(["Time", "Actor", "Action", "Resource", "Status", "Scope"]);
  const cells = await rowOf(page, size).getByRole("gridcell").allInnerTexts();
  expect(cells.join(" ")).toMatch(/Person 10000.*destroy.*snapshot.*Nightly 10000.*success.*team/s);
  await expectAccessible(page);
});

test("from a time in the address one pages both ways, and nothing is missing or twice", async () => {
  const reader = server.clients(credential);
  const { entry: middle } = await reader.audit.get({ key: { case: "sequence", value: 5_000n } });
  const ms = Number(middle?.recordTime?.seconds) * 1_000 + (middle?.recordTime?.nanos ?? 0) / 1e6;
  const at = new Date(ms).toISOString();
  await using watched = await browser.open(server.url, {
    path: `/?at=${encodeURIComponent(at)}`,
    credential,
    context: { viewport: { width: 1280, height: 2_400 } },
  });
  const { page } = watched;
  // The first of the time's entries is marked; one batch shares a record time.
  const mark = page.locator("tr[data-at]");
  await mark.waitFor();
  const marked = Number((await mark.getAttribute("id"))?.split("-").at(-1));
  expect(marked).toBeGreaterThanOrEqual(5_000);
  expect(marked).toBeLessThan(5_500);
  // What comes above it does not move it.
  expect((await mark.boundingBox())?.y).toBeLessThan(700);
  const between = (seen: readonly number[], first: number, last: number) =>
    seen.slice(seen.indexOf(first), seen.indexOf(last) + 1);
  const upwards = between(await scrollTo(page, 5_800), marked, 5_800);
  expect(upwards).toEqual(down(5_800, marked).reverse());
  const downwards = between(await scrollTo(page, 4_400), 5_800, 4_400);
  expect(downwards).toEqual(down(5_800, 4_400));
}, 120_000);

test("a link opens its view, and the back button closes what was opened", async () => {
  await using watched = await browser.open(server.url, {
    path: `/?q=${encodeURIComponent("action:destroy")}`,
    credential,
  });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  await expect
    .poll(async () => (await sequencesShown(page)).slice(0, 3))
    .toEqual([...[10_000, 9_900, 9_800]]);
  const filtered = page.url();
  await rowOf(page, 9_900).click({ position: { x: 5, y: 18 } });
  await page.waitForURL(/entry=log-/);
  await page.goBack();
  await page.waitForURL(filtered);
  await rowOf(page, 9_900).waitFor();
  await page.goForward();
  await page.waitForURL(/entry=log-/);
});

test("the keyboard alone walks, opens, closes, filters and asks for help", async () => {
  await using watched = await browser.open(server.url, { credential });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  const active = () => page.locator("tr[aria-selected=true]").getAttribute("id");
  const entryInAddress = () => new URL(page.url()).searchParams.get("entry");

  for (const key of ["j", "j", "ArrowDown", "k"]) await page.keyboard.press(key);
  await expect.poll(active).toMatch(/-9999$/);
  // Where a screen reader hears of it.
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-activedescendant"));
  await expect.poll(focused).toMatch(/-9999$/);
  await page.keyboard.press("Enter");
  await page.waitForURL(/entry=log-/);
  const opened = entryInAddress();
  await page.keyboard.press("j");
  await expect.poll(entryInAddress).not.toBe(opened);
  await expect.poll(active).toMatch(/-9998$/);
  // Esc closes the drawer once; the one entry of the history is the trail before it.
  await page.keyboard.press("Escape");
  await expect.poll(entryInAddress).toBeNull();

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keys" });
  await help.waitFor();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "hidden" });

  await page.keyboard.press("/");
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("query-line");
  // In a place to type in, letters are letters.
  await page.keyboard.type("jl");
  expect(await page.locator("#query-line").inputValue()).toBe("jl");
  expect(new URL(page.url()).searchParams.has("live")).toBe(false);
});

test("times are how long ago or dates, in the reader's zone or in UTC", async () => {
  await using watched = await browser.open(server.url, {
    credential,
    context: { timezoneId: "Asia/Tokyo" },
  });
  const { page } = watched;
  const time = rowOf(page, size).locator("time");
  expect(await time.innerText()).toMatch(/ago|now/);
  await page.getByRole("button", { name: "Time", exact: true }).click();
  const iso = (await time.getAttribute("datetime")) ?? "";
  const inTokyo = new Date(Date.parse(iso) + 9 * 3_600_000).toISOString();
  expect(await time.innerText()).toBe(inTokyo.replace("T", " ").slice(0, 23));
  await page.getByText("UTC", { exact: true }).click();
  await expect.poll(() => time.innerText()).toBe(iso.replace("T", " ").slice(0, 23));
});

test("jumping to a time is by a button, and so is the way back", async () => {
  await using watched = await browser.open(server.url, { credential });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  await page.getByRole("button", { name: "Jump to time" }).click();
  await page.getByLabel(/^Time \(/).fill("2020-01-01T00:00:00");
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await page.waitForURL(/at=2020-01-01T00%3A00%3A00.000Z/);
  // Nothing was recorded before then: what came after is above.
  await rowOf(page, 1).waitFor();
  await page.getByRole("button", { name: "Back to the newest" }).click();
  await rowOf(page, size).waitFor();
});

test("keys work after a switch was clicked, and not behind a dialog", async () => {
  await using watched = await browser.open(server.url, { credential });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  const live = page.getByRole("switch", { name: "Live" });
  await live.click();
  await page.waitForURL(/live=1/);
  await page.keyboard.press("j");
  await page.locator("tr[aria-selected=true]").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("l");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "hidden" });
  expect(await live.isChecked()).toBe(true);
});

test("another zone only writes the times anew: nothing is read, nobody is moved", async () => {
  await using watched = await browser.open(server.url, { credential, path: "/?q=since%3A24h" });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  await page.getByRole("grid").evaluate((grid) => {
    grid.scrollTop = 1_500;
  });
  await rowOf(page, 9_960).waitFor();
  const lists: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/List")) lists.push(request.url());
  });
  await page.getByText("UTC", { exact: true }).click();
  await page.keyboard.press("j");
  await page.locator("tr[aria-selected=true]").waitFor();
  expect(await page.getByRole("grid").evaluate((grid) => grid.scrollTop)).toBeGreaterThan(1_000);
  expect(lists).toEqual([]);
});

test("after filtering by a value the keys are on the table", async () => {
  await using watched = await browser.open(server.url, { credential });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  // The menu has the focus when it opens: the second is the menu's, however soon it comes.
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=action%3Adestroy/);
  await rowOf(page, 9_900).waitFor();
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute("role")))
    .toBe("grid");
});

test("of all teams, names are whole, ids go first, and a team leads to its trail", async () => {
  const admin = await server.jwt({ role: "platform_admin" });
  const context = { viewport: { width: 1024, height: 800 } };
  await using watched = await browser.open(server.url, {
    path: `/?team=all&q=${encodeURIComponent("action:destroy")}`,
    credential: admin,
    context,
  });
  const { page } = watched;
  const row = rowOf(page, size);
  const name = row.getByText(`Person ${size}`, { exact: true });
  await name.waitFor();
  expect(await name.evaluate((element) => element.scrollWidth <= element.clientWidth)).toBe(true);
  const [cell, id] = await Promise.all([
    row.getByRole("gridcell").nth(1).boundingBox(),
    row.getByText(/^usr-/).boundingBox(),
  ]);
  const isOutOfSight = (id?.y ?? 0) >= (cell?.y ?? 0) + (cell?.height ?? 0) - 2;
  const isWhole = (id?.x ?? 0) + (id?.width ?? 0) <= (cell?.x ?? 0) + (cell?.width ?? 0);
  expect(isOutOfSight || isWhole).toBe(true);
  await row.getByTitle(`Only this team: ${teamId}`).click();
  await page.waitForURL((url) => url.searchParams.get("team") === teamId);
  await rowOf(page, size).waitFor();
  expect(await page.getByRole("columnheader", { name: "Team" }).count()).toBe(0);
});

test("an empty team has no headings over what it says", async () => {
  const nobody = await server.jwt({ role: "admin", teamId: newId("team") });
  await using watched = await browser.open(server.url, { credential: nobody });
  const { page } = watched;
  await page.getByRole("heading", { name: "Nothing has been recorded yet" }).waitFor();
  expect(await page.getByRole("columnheader").count()).toBe(0);
});

test("on a phone the toolbar is one line", async () => {
  const context = { viewport: { width: 360, height: 740 } };
  await using watched = await browser.open(server.url, { credential, context });
  const { page } = watched;
  await rowOf(page, size).waitFor();
  const middles = async (...names: string[]) => {
    const boxes = await Promise.all(
      names.map((name) => page.getByRole("button", { name, exact: true }).boundingBox()),
    );
    return new Set(boxes.map((box) => Math.round(((box?.y ?? 0) + (box?.height ?? 0) / 2) / 4)));
  };
  expect((await middles("Jump to time", "Read anew", "Export")).size).toBe(1);
  await page.keyboard.press("l");
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  expect((await middles("Pause", "Export")).size).toBe(1);
});

test("an address made to hurt does not: a line of 600 values, no time, no team", async () => {
  const values = Array.from({ length: 600 }, (_, n) => `action:a${n}`).join(" ");
  const path = `/?team=..%2F&at=%2B275760-09-13T00%3A00%3A00Z&entry=%3Cimg%3E&q=${encodeURIComponent(values)}`;
  await using watched = await browser.open(server.url, { credential, path });
  const { page } = watched;
  await page.getByText(/100 values at most; this one has 600/).waitFor();
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await rowOf(page, size).waitFor();
  await page.getByText("The address does not name an entry").waitFor();
});
