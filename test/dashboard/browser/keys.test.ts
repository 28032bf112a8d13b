import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

// A browser and a server each, and accessibility checks, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe("API keys", () => {
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

  const openAs = async (role: "member" | "admin" | "owner", teamId: string, width = 1280) =>
    browser.open(server.url, {
      path: "/keys",
      credential: await server.jwt({ role, teamId }),
      context: { viewport: { width, height: 800 } },
      // The browser's own line for a refused field, which is what one of these is about.
      tolerates: [/status of 400/],
    });
  const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

  it("are made, their secret shown once, and revoked", async () => {
    const teamId = newId("team");
    await using opened = await openAs("admin", teamId);
    const { page } = opened;
    await page.getByText("No API keys yet").waitFor();
    await expectAccessible(page);

    await page.getByRole("button", { name: "New key" }).click();
    await page.getByLabel("Name").fill("<script>alert(1)</script>");
    await page.getByLabel("Read all entries").check();
    await page.getByLabel("It stops working").selectOption("30");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Make the key" }).click();
    const dialog = page.getByRole("dialog", { name: "Store the key now" });
    const secret = (await dialog.getByTestId("secret").textContent()) ?? "";
    expect(secret).toMatch(/^annals_/);
    await expectAccessible(page);

    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
    });
    await dialog.getByRole("button", { name: "Copy the secret" }).click();
    await dialog.getByText("Your browser refused: select it above").waitFor();

    // It is not left by accident.
    await page.keyboard.press("Escape");
    await page.mouse.click(5, 400);
    const done = dialog.getByRole("button", { name: "Done" });
    expect(await done.isDisabled()).toBe(true);
    await dialog.getByLabel("I have stored it").check();
    await done.click();
    await dialog.waitFor({ state: "detached" });
    expect(await page.content()).not.toContain(secret);
    const kept = () =>
      page.evaluate(
        () => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }),
      );
    expect(await kept()).not.toContain(secret);

    const made = row(page, "<script>alert(1)</script>");
    await made.getByText("records as itself, reads all entries").waitFor();
    await made.getByText("active").waitFor();
    await made.getByText("never", { exact: true }).waitFor();
    const { audit } = server.clients(secret);
    expect((await audit.list({ teamId })).entries).toMatchObject([{ action: "create" }]);
    await page.reload();
    await made.waitFor();
    expect(await page.content()).not.toContain(secret);

    await made.getByRole("button", { name: /^Revoke/ }).click();
    const confirmation = page.getByRole("dialog", { name: "Revoke this key?" });
    await confirmation.getByText("refused within 30 seconds").waitFor();
    await expectAccessible(page);
    await confirmation.getByRole("button", { name: "Keep it" }).click();
    await confirmation.waitFor({ state: "detached" });
    await made.getByRole("button", { name: /^Revoke/ }).click();
    await confirmation.getByRole("button", { name: "Revoke the key" }).click();
    await made.getByText("revoked").waitFor();
    expect(await made.getByRole("button").count()).toBe(0);
    const { apiKeys } = await server
      .clients(await server.jwt({ role: "owner", teamId }))
      .keys.listApiKeys({ teamId });
    expect(apiKeys.map(({ revokeTime }) => revokeTime !== undefined)).toEqual([true]);
  });

  it("keep what was filled in for one while access ends and is renewed", async () => {
    const claims = { role: "admin", teamId: newId("team"), sub: newId("usr") } as const;
    await using opened = await browser.open(server.url, {
      path: "/keys",
      credential: await server.jwt({ ...claims, expiresIn: 4 }),
      tolerates: [/status of 401/],
    });
    const { page } = opened;
    await page.getByRole("button", { name: "New key" }).click();
    const dialog = page.getByRole("dialog", { name: "New API key" });
    await dialog.getByLabel("Name").fill("deploy bot");
    await dialog.getByText("Your access ended.").waitFor();
    await dialog.getByLabel("A fresh token or key").fill(await server.jwt(claims));
    await dialog.getByRole("button", { name: "Sign in again" }).click();
    await dialog.getByText("Your access ended.").waitFor({ state: "detached" });
    await dialog.getByRole("button", { name: "Make the key" }).click();
    await page.getByRole("dialog", { name: "Store the key now" }).waitFor();
    await page.getByLabel("I have stored it").check();
    await page.getByRole("button", { name: "Done" }).click();
    await row(page, "deploy bot").getByText("active").waitFor();
  });

  it("say at the field what is wrong with it", async () => {
    await using opened = await openAs("owner", newId("team"));
    const { page } = opened;
    await page.getByRole("button", { name: "New key" }).click();
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText("Say what the key is for.").waitFor();
    await page.getByLabel("Name").fill("x".repeat(257));
    await page.getByLabel("It stops working").selectOption("date");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText("Choose a day that is still to come.").waitFor();
    await page.getByLabel("Last day").fill("2999-01-01");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByText(/256 bytes/).waitFor();
    expect(await page.getByLabel("Name").getAttribute("aria-invalid")).toBe("true");
  });

  it("come page by page", async () => {
    const teamId = newId("team");
    const { keys } = server.clients(await server.jwt({ role: "admin", teamId }));
    for (let n = 1; n <= 101; n++) await keys.createApiKey({ teamId, name: `key ${n} of many` });
    await using opened = await openAs("admin", teamId);
    const { page } = opened;
    await row(page, "key 101 of many").waitFor();
    expect(await row(page, "key 1 of many").count()).toBe(0);
    await page.getByRole("button", { name: "Older keys" }).click();
    await row(page, "key 1 of many").waitFor();
    expect(await row(page, "of many").count()).toBe(101);
  });

  it("are no member's", async () => {
    await using opened = await openAs("member", newId("team"));
    const { page } = opened;
    await page.getByText("You may not manage API keys").waitFor();
    await page.getByText("a member of the team").waitFor();
    expect(await page.getByRole("link", { name: "API keys" }).count()).toBe(0);
    await expectAccessible(page);
    await page.getByRole("link", { name: "Open your own trail" }).click();
    await page.getByText("Nothing has been recorded yet").waitFor();
  });

  it("are there on a telephone, one below the other", async () => {
    const teamId = newId("team");
    const { keys } = server.clients(await server.jwt({ role: "admin", teamId }));
    await keys.createApiKey({ teamId, name: "long".repeat(60) });
    await using opened = await openAs("admin", teamId, 360);
    const { page } = opened;
    await page.getByText("long".repeat(60)).waitFor();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - window.innerWidth,
    );
    expect(overflow).toBe(0);
    await expectAccessible(page);
  });
});
