import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

/** The browser's own line for an answer of 401, which these tests are about. */
const refused = /status of 401/;
const unreachable = /ERR_FAILED|ERR_CONNECTION/;

// A browser and a server each, and accessibility checks, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe("signing in", () => {
  let checkpoints: TestCheckpoints;
  let server: TestServer;
  let browser: TestBrowser;
  beforeAll(async () => {
    checkpoints = await createCheckpoints();
    server = await startTestServer({ env: checkpoints.env, overrides: { apiKeyCacheMs: 100 } });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await server.close();
    await checkpoints[Symbol.asyncDispose]();
  });

  const field = (page: Page) => page.getByLabel("Token or API key", { exact: true });
  const paste = async (page: Page, text: string) => {
    await field(page).fill(text);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  };
  const account = (page: Page) => page.getByRole("button", { name: /^Account:/ });
  const admin = async (claims: {
    teamId: string;
    sub?: string;
    name?: string;
    expiresIn?: number;
  }) => server.jwt({ role: "admin", name: "Ada Byron", ...claims });
  /** A team with entries of the given actions. */
  const teamWith = async (...actions: string[]) => {
    const teamId = newId("team");
    const { audit } = server.clients(await admin({ teamId }));
    for (const action of actions) await audit.record({ entry: { teamId, action } });
    return teamId;
  };
  /** Where a credential could have been left behind. */
  const traces = (page: Page) =>
    page.evaluate(() => ({
      address: document.location.href,
      history: navigation.entries().map(({ url }) => url ?? ""),
      local: JSON.stringify(localStorage),
      cookies: document.cookie,
      session: JSON.stringify(sessionStorage),
    }));

  it("takes a pasted token, padded and with Bearer, and keeps it in this tab only", async () => {
    const token = await admin({ teamId: await teamWith("create") });
    await using opened = await browser.open(server.url);
    const { page } = opened;
    await expectAccessible(page);
    await paste(page, `  Bearer ${token}\n`);
    await account(page).waitFor();
    const { address, history, local, cookies, session } = await traces(page);
    expect([address, local, cookies, ...history].join(" ")).not.toContain(token);
    expect(session).toContain(token);

    await page.reload();
    await account(page).waitFor();
  });

  it("takes the token out of the link, and of the browser's history", async () => {
    const token = await admin({ teamId: await teamWith("create") });
    const path = "/?q=action%3Acreate";
    await using opened = await browser.open(server.url, { path, credential: token });
    const { page } = opened;
    await account(page).waitFor();
    expect(page.url()).toBe(`${server.url}${path}`);
    expect((await traces(page)).history.join(" ")).not.toContain(token);
    expect(server.logs.join("")).not.toContain(token);
  });

  it("takes a link that is opened over the page", async () => {
    const first = await admin({ teamId: await teamWith("create"), name: "Ada Byron" });
    const second = await admin({ teamId: await teamWith("destroy"), name: "Grace Hopper" });
    await using opened = await browser.open(server.url, { credential: first });
    const { page } = opened;
    await account(page).waitFor();
    await page.evaluate((token) => {
      document.location.hash = `token=${token}`;
    }, second);
    await page.getByRole("button", { name: "Account: Grace Hopper" }).waitFor();
    expect((await traces(page)).history.join(" ")).not.toContain(second);
    await page.getByText("destroy").first().waitFor();
    expect(await page.getByText("create", { exact: true }).count()).toBe(0);
  });

  it("takes an API key", async () => {
    const teamId = await teamWith("create");
    const { keys } = server.clients(await admin({ teamId }));
    const { secret } = await keys.createApiKey({ teamId, name: "reader", grants: [1] });
    await using opened = await browser.open(server.url);
    await paste(opened.page, secret);
    await opened.page.getByRole("button", { name: "Account: reader" }).click();
    await opened.page.getByText("You are an API key.").waitFor();
    await opened.page.getByText("It records as itself, reads the team's entries.").waitFor();
  });

  it("says what is wrong with a credential, and keeps the field", async () => {
    const teamId = await teamWith("create");
    const { keys } = server.clients(await admin({ teamId }));
    const { secret, apiKey } = await keys.createApiKey({ teamId, name: "old" });
    await keys.revokeApiKey({ teamId, id: apiKey?.id ?? "" });
    await using opened = await browser.open(server.url, { tolerates: [refused] });
    const { page } = opened;
    const says = async (text: string, message: RegExp) => {
      await paste(page, text);
      await page.getByRole("alert").filter({ hasText: message }).waitFor();
      expect(await field(page).inputValue()).toBe(text);
    };
    await says("", /Paste a token or an API key first/);
    await says("ключ", /characters that no token or key has/);
    await says("nonsense", /does not work here/);
    await says(await admin({ teamId, expiresIn: -10 }), /token has expired/);
    await says(secret, /API key was revoked/);
    await expectAccessible(page);
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it("waits for a server that is away, with what the tab kept", async () => {
    const token = await admin({ teamId: await teamWith("create") });
    const tolerates = [unreachable];
    await using opened = await browser.open(server.url, { credential: token, tolerates });
    const { page } = opened;
    await account(page).waitFor();
    await page.route("**/audit.v1.**", (route) => route.abort());
    await page.reload();
    await page.getByText("The server cannot be reached").waitFor();
    await page.unroute("**/audit.v1.**");
    await page.getByRole("button", { name: "Try again" }).click();
    await account(page).waitFor();
  });

  it("signs out: nothing stays on the screen, in the tab or in the address", async () => {
    const teamId = await teamWith("create");
    const token = await admin({ teamId });
    const path = "/?q=action%3Acreate";
    await using opened = await browser.open(server.url, { path, credential: token });
    const { page } = opened;
    await account(page).click();
    await expectAccessible(page);
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await field(page).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    expect((await traces(page)).session).not.toContain(token);
    expect(await page.content()).not.toContain(teamId);
    await page.reload();
    await field(page).waitFor();
  });

  it("goes on where it was when a token expires and a fresh one is pasted", async () => {
    const teamId = await teamWith("create", "pause", "resume");
    const sub = newId("usr");
    const token = await admin({ teamId, sub, expiresIn: 4 });
    const path = "/?q=action%3Apause";
    const options = { path, credential: token, tolerates: [refused] };
    await using opened = await browser.open(server.url, options);
    const { page } = opened;
    await page.getByText("Your access works for less than a minute").waitFor();
    const row = page.getByRole("row").filter({ hasText: "pause" });
    await row.waitFor();

    const banner = page.getByRole("alert").filter({ hasText: "Your access ended at" });
    await banner.waitFor();
    await banner.getByText("Nothing on this page is lost").waitFor();
    expect(await row.count()).toBe(1);
    await expectAccessible(page);

    await page.getByLabel("A fresh token or key", { exact: true }).fill("nonsense");
    await page.getByRole("button", { name: "Sign in again" }).click();
    await page.getByText("This token or key does not work here").waitFor();
    expect(await row.count()).toBe(1);

    const fresh = await admin({ teamId, sub });
    await page.getByLabel("A fresh token or key", { exact: true }).fill(fresh);
    await page.getByRole("button", { name: "Sign in again" }).click();
    await banner.waitFor({ state: "detached" });
    expect(await row.count()).toBe(1);
    expect(page.url()).toBe(`${server.url}${path}`);
    await page.goto(`${server.url}/`);
    await page.getByRole("row").filter({ hasText: "resume" }).waitFor();
  });

  it("shows nothing of one person to the next who signs in after them", async () => {
    const theirs = await teamWith("create");
    const other = await teamWith("destroy");
    const token = await admin({ teamId: theirs, expiresIn: 3 });
    const path = `/?team=${theirs}&q=action%3Acreate`;
    const options = { path, credential: token, tolerates: [refused] };
    await using opened = await browser.open(server.url, options);
    const { page } = opened;
    await page.getByRole("row").filter({ hasText: "create" }).waitFor();
    await page.getByText("Your access ended at").waitFor();
    const next = await admin({ teamId: other, name: "Grace Hopper" });
    await page.getByLabel("A fresh token or key", { exact: true }).fill(next);
    await page.getByRole("button", { name: "Sign in again" }).click();
    await page.getByRole("row").filter({ hasText: "destroy" }).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    expect(await page.content()).not.toContain(theirs);
    expect(await page.getByRole("row").filter({ hasText: "create" }).count()).toBe(0);
  });

  it("says so when an API key is revoked while it is in use", async () => {
    const teamId = await teamWith("create");
    const { keys } = server.clients(await admin({ teamId }));
    const { secret, apiKey } = await keys.createApiKey({ teamId, name: "reader", grants: [1] });
    const options = { credential: secret, tolerates: [refused] };
    await using opened = await browser.open(server.url, options);
    const { page } = opened;
    await page.getByRole("row").filter({ hasText: "create" }).first().waitFor();
    await keys.revokeApiKey({ teamId, id: apiKey?.id ?? "" });
    await page.getByRole("link", { name: "Proof" }).click();
    await page.getByText("This API key was revoked. Your access has ended.").waitFor();
  });

  it("works on a telephone", async () => {
    const context = { viewport: { width: 360, height: 740 } };
    const token = await admin({ teamId: await teamWith("create") });
    await using opened = await browser.open(server.url, { context });
    const { page } = opened;
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(await overflow()).toBe(0);
    await paste(page, token);
    await account(page).click();
    await page.getByRole("menuitem", { name: "Show times in UTC" }).waitFor();
    expect(await overflow()).toBe(0);
    await expectAccessible(page);
  });
});
