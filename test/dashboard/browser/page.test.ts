import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

// A browser and a server each, and accessibility checks, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const teamId = newId("team");
let server: TestServer;
let browser: TestBrowser;
let credential: string;
beforeAll(async () => {
  server = await startTestServer();
  browser = await startBrowser();
  credential = await server.jwt({ role: "admin", teamId });
  await server.clients(credential).audit.record({ entry: { action: "create" } });
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await server.close();
});

const row = (page: Page) => page.getByRole("row").filter({ hasText: "create" });
/** As after a build: another hash, and of the old one there is nothing. */
const gone = { status: 404, contentType: "application/json", body: "{}" };

test("a page that was open during an upgrade says that it has to be loaded again", async () => {
  const tolerates = [/status of 404/, /error-boundary|ErrorBoundary/i, /dynamically imported/];
  await using opened = await browser.open(server.url, { credential, tolerates });
  const { page } = opened;
  await row(page).waitFor();
  await page.route("**/assets/{keys-page,entry-content}-*.js", (route) => route.fulfill(gone));
  await page.getByRole("link", { name: "API keys" }).click();
  const notice = page.getByRole("alert").filter({ hasText: "has to be loaded again" });
  await notice.getByText("It was updated on the server").waitFor();
  await expectAccessible(page);

  // The rest of the page is there.
  await page.getByRole("link", { name: "Trail", exact: true }).click();
  await row(page).click();
  await page.getByRole("complementary").getByText("has to be loaded again").waitFor();
  expect(await row(page).count()).toBe(1);

  await page.unroute("**/assets/{keys-page,entry-content}-*.js");
  await notice.getByRole("button", { name: "Reload" }).click();
  await page.getByRole("article", { name: "The entry" }).waitFor();
});

test("a mistake of the page's own is said, with what a report needs, and is not the end", async () => {
  const secret = "of interest";
  const tolerates = [/a mistake of the page|boundary/i];
  await using opened = await browser.open(server.url, { credential, tolerates });
  const { page } = opened;
  await row(page).waitFor();
  const body =
    'export default () => { throw new RangeError("a mistake of the page \\u202e<b>"); };';
  await page.route("**/assets/keys-page-*.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body }),
  );
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("heading", { name: "Sorry, this page has made a mistake" }).waitFor();
  await page.evaluate((q) => history.replaceState(null, "", `/keys?q=${q}`), secret);
  await page.getByText("Details", { exact: true }).click();
  const details = page.locator("details", { hasText: "RangeError" });
  await details.getByText("RangeError: a mistake of the page \\u202e<b>").waitFor();
  await details.getByText("on /keys, 20").waitFor();
  const text = await page.getByRole("alert").innerText();
  expect(text).not.toContain(secret);
  expect(text).not.toContain(credential);
  await expectAccessible(page);

  await page.getByRole("link", { name: "Open the plain trail" }).click();
  await row(page).waitFor();
  expect(page.url()).toBe(`${server.url}/`);
});

test("where nothing is signed no checkpoint is asked for", async () => {
  await using opened = await browser.open(server.url, { credential });
  const { page } = opened;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await row(page).waitFor();
  await page.getByRole("link", { name: "Proof" }).click();
  await page.getByText("This server signs no checkpoints").waitFor();
  await page.waitForLoadState("networkidle");
  expect(asked.filter((url) => url.includes("GetCheckpoint"))).toEqual([]);
});

test("a page that the back button brings back asks again who is signed in", async () => {
  await using opened = await browser.open(server.url, { credential });
  const { page } = opened;
  await row(page).waitFor();
  const back = () =>
    page.evaluate(() =>
      window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })),
    );
  await back();
  expect(await row(page).count()).toBe(1);
  // As a later page in this tab does when one signs out there.
  await page.evaluate(() => sessionStorage.clear());
  await back();
  await page.getByLabel("Token or API key", { exact: true }).waitFor();
  expect(await row(page).count()).toBe(0);
});
