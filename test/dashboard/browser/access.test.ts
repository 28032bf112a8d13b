import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EntryScope } from "../../../gen/audit/v1/entry_pb.ts";
import { ApiKeyGrant } from "../../../gen/audit/v1/key_service_pb.ts";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

const forbidden = /status of 403/;

// A browser and a server each, and accessibility checks, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe("who sees what", () => {
  const team = newId("team");
  const other = newId("team");
  let checkpoints: TestCheckpoints;
  let server: TestServer;
  let browser: TestBrowser;
  beforeAll(async () => {
    checkpoints = await createCheckpoints();
    server = await startTestServer({ env: checkpoints.env });
    browser = await startBrowser();
    const { audit } = server.clients(await server.jwt({ role: "service" }));
    const entries = [
      { teamId: team, action: "everybody" },
      { teamId: team, action: "admins.only", scope: EntryScope.ADMIN },
      { teamId: other, action: "elsewhere" },
    ];
    for (const entry of entries) await audit.record({ entry });
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await server.close();
    await checkpoints[Symbol.asyncDispose]();
  });

  const row = (page: Page, action: string) => page.getByRole("row").filter({ hasText: action });
  const keysLink = (page: Page) => page.getByRole("link", { name: "API keys" });
  const chooser = (page: Page) => page.getByRole("button", { name: /^Team:/ });
  const keyWith = async (...grants: ApiKeyGrant[]) => {
    const { keys } = server.clients(await server.jwt({ role: "admin", teamId: team }));
    return (await keys.createApiKey({ teamId: team, name: "a program", grants })).secret;
  };

  it("shows a member what every member may read, and no more", async () => {
    const credential = await server.jwt({ role: "member", teamId: team, name: "Mia Member" });
    await using opened = await browser.open(server.url, { credential });
    const { page } = opened;
    await row(page, "everybody").waitFor();
    expect(await row(page, "admins.only").count()).toBe(0);
    expect(await keysLink(page).count()).toBe(0);
    expect(await chooser(page).count()).toBe(0);
    await page.getByRole("button", { name: `${team.slice(0, 13)}…${team.slice(-4)}` }).waitFor();
    await page.getByRole("button", { name: "Account: Mia Member" }).click();
    await page.getByText("You are a member of the team.").waitFor();
  });

  it.each(["admin", "owner"] as const)("shows an %s all entries, and the keys", async (role) => {
    const credential = await server.jwt({ role, teamId: team });
    await using opened = await browser.open(server.url, { credential });
    const { page } = opened;
    await row(page, "admins.only").waitFor();
    await row(page, "everybody").waitFor();
    await keysLink(page).click();
    await page.getByRole("heading", { name: "API keys", exact: true }).waitFor();
  });

  it("shows nobody a team that is not theirs", async () => {
    const credential = await server.jwt({ role: "owner", teamId: team });
    for (const path of [`/?team=${other}`, `/keys?team=${other}`]) {
      const options = { path, credential, tolerates: [forbidden] };
      await using opened = await browser.open(server.url, options);
      const { page } = opened;
      await page.getByText("You have no access to this team").waitFor();
      expect(await row(page, "elsewhere").count()).toBe(0);
      await expectAccessible(page);
      await page.getByRole("link", { name: "Open your own trail" }).click();
      await row(page, "everybody").waitFor();
    }
  });

  it("shows nobody but a platform admin all teams", async () => {
    const credential = await server.jwt({ role: "owner", teamId: team });
    await using opened = await browser.open(server.url, { path: "/?team=all", credential });
    await opened.page.getByText("You may not read this trail").waitFor();
    expect(await row(opened.page, "elsewhere").count()).toBe(0);
    await expectAccessible(opened.page);
  });

  it("lets a platform admin choose a team, by keyboard, by its id, or all", async () => {
    const credential = await server.jwt({ role: "platform_admin", name: "Root" });
    await using opened = await browser.open(server.url, { credential });
    const { page } = opened;
    // Without a team of their own they are asked.
    await page.getByRole("heading", { name: "Whose trail?" }).waitFor();
    await expectAccessible(page);
    const search = page.getByRole("combobox", { name: "Team" });
    await search.fill(team.slice(5, 20));
    await page.getByRole("option").filter({ hasText: "2 entries" }).waitFor();
    await search.press("Enter");
    await row(page, "admins.only").waitFor();
    expect(page.url()).toBe(`${server.url}/?team=${team}`);
    expect(await keysLink(page).count()).toBe(1);

    await chooser(page).click();
    await expectAccessible(page);
    await search.fill(newId("team").replace(/^team/, "nonsense"));
    await page.getByText("No team’s id has this in it").waitFor();
    const unheard = newId("team");
    await search.fill(unheard);
    await search.press("Enter");
    await page.getByText("Nothing has been recorded yet").waitFor();
    expect(page.url()).toBe(`${server.url}/?team=${unheard}`);

    await chooser(page).click();
    await page.getByRole("option", { name: /^All teams/ }).click();
    await row(page, "elsewhere").waitFor();
    await row(page, "everybody").waitFor();
    expect(await keysLink(page).count()).toBe(0);
    await page.goBack();
    await page.getByText("Nothing has been recorded yet").waitFor();
  });

  it("lets a service give the team it reads, and offers no more", async () => {
    const credential = await server.jwt({ role: "service", grants: ["read"] });
    await using opened = await browser.open(server.url, { credential });
    const { page } = opened;
    await page.getByText("Your sign-in belongs to no team").waitFor();
    expect(await page.getByRole("option").count()).toBe(0);
    const search = page.getByRole("combobox", { name: "Team" });
    await search.fill("team-1");
    await page.getByText("A whole id is needed").waitFor();
    await expectAccessible(page);
    await search.fill(team);
    await search.press("Enter");
    await row(page, "everybody").waitFor();
    expect(await row(page, "admins.only").count()).toBe(0);

    await chooser(page).click();
    await search.fill(other);
    await search.press("Enter");
    await row(page, "elsewhere").waitFor();
    await page.goto(`${server.url}/log`);
    await page.getByRole("heading", { name: "Whose log?" }).waitFor();
  });

  it("shows an API key what it was granted", async () => {
    const read = await keyWith(ApiKeyGrant.READ);
    const all = await keyWith(ApiKeyGrant.READ_ADMIN);
    const none = await keyWith();
    const withRead = await browser.open(server.url, { credential: read });
    await row(withRead.page, "everybody").waitFor();
    expect(await row(withRead.page, "admins.only").count()).toBe(0);
    expect(await keysLink(withRead.page).count()).toBe(0);
    await withRead[Symbol.asyncDispose]();

    await using withAll = await browser.open(server.url, { credential: all });
    await row(withAll.page, "admins.only").waitFor();

    await using withNone = await browser.open(server.url, { credential: none });
    await withNone.page.getByText("You may not read this trail").waitFor();
    await withNone.page.getByText("an API key").waitFor();
  });
});
