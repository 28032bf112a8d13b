import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

// A browser and a server each, and accessibility checks, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe("when there is nothing to show", () => {
  let checkpoints: TestCheckpoints;
  let server: TestServer;
  let browser: TestBrowser;
  beforeAll(async () => {
    checkpoints = await createCheckpoints();
    server = await startTestServer({ env: checkpoints.env });
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await server.close();
    await checkpoints[Symbol.asyncDispose]();
  });

  for (const width of [1280, 360]) {
    it(`shows an empty team how to begin, and its first entry when it comes, at ${width} px`, async () => {
      const teamId = newId("team");
      const credential = await server.jwt({ role: "admin", teamId });
      const context = { viewport: { width, height: 800 } };
      await using opened = await browser.open(server.url, { credential, context });
      const { page } = opened;
      await page.getByText("Nothing has been recorded yet").waitFor();
      for (const language of ["curl", "TypeScript", "Go", "Python"]) {
        await page.getByText(language, { exact: true }).click();
        const shown = page.getByRole("region", { name: `How to record an entry with ${language}` });
        const code = (await shown.textContent()) ?? "";
        expect(code).toContain(server.url);
        expect(code).toContain(teamId);
        expect(code).not.toContain(credential);
      }
      await expectAccessible(page);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - window.innerWidth,
      );
      expect(overflow).toBe(0);

      await server.clients(credential).audit.record({ entry: { teamId, action: "first.ever" } });
      await page.getByText("first.ever").first().waitFor();
      await page.getByText("Nothing has been recorded yet").waitFor({ state: "detached" });
    });
  }

  it("says what was looked for when nothing matches, and clears the filter", async () => {
    const teamId = newId("team");
    const credential = await server.jwt({ role: "admin", teamId });
    await server.clients(credential).audit.record({ entry: { teamId, action: "create" } });
    const path = "/?q=action%3Adestroy";
    await using opened = await browser.open(server.url, { path, credential });
    const { page } = opened;
    await page.getByRole("heading", { name: "No entry matches" }).waitFor();
    await page.getByText("action:destroy").first().waitFor();
    await expectAccessible(page);
    await page.locator("main section").getByRole("button", { name: "Clear the filter" }).click();
    await page.getByRole("row").filter({ hasText: "create" }).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
  });

  it("says that an address is no page's", async () => {
    const credential = await server.jwt({ role: "admin", teamId: newId("team") });
    await using opened = await browser.open(server.url, { credential });
    await opened.page.getByText("Nothing has been recorded yet").waitFor();
    await opened.page.evaluate(() => window.history.pushState(null, "", "/nowhere"));
    await opened.page.getByRole("heading", { name: "There is nothing here" }).waitFor();
    await expectAccessible(opened.page);
    await opened.page.getByRole("link", { name: "Open the trail" }).click();
    await opened.page.getByText("Nothing has been recorded yet").waitFor();
  });

  it("says what failed and under which request, and tries again", async () => {
    const teamId = newId("team");
    const { keys } = server.clients(await server.jwt({ role: "admin", teamId }));
    await keys.createApiKey({ teamId, name: "deploy bot" });
    const credential = await server.jwt({ role: "admin", teamId });
    const options = { credential, tolerates: [/status of 500/] };
    await using opened = await browser.open(server.url, options);
    const { page } = opened;
    const calls = "**/audit.v1.KeyService/ListApiKeys*";
    await page.route(calls, (route) =>
      route.fulfill({
        status: 500,
        contentType: "application/json",
        headers: { "x-request-id": "req-0815" },
        body: JSON.stringify({
          code: "internal",
          message: "<img src=x onerror=alert(1)>\u202e",
          details: [],
        }),
      }),
    );
    await page.getByRole("link", { name: "API keys" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByText("Details").click();
    await page.getByText("req-0815").waitFor();
    await page.getByText("<img src=x onerror=alert(1)>\\u202e").waitFor();
    await expectAccessible(page);
    await page.unroute(calls);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("deploy bot").waitFor();
  });
});
