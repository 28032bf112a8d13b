import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EntryStatus } from "../../../gen/audit/v1/entry_pb.ts";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { linesOf } from "../../support/cli.ts";
import { succeeded, useCliLog } from "../../support/cli-log.ts";
import { newId, startTestServer } from "../../support/server.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

// Each runs a browser, a server and the command line.
vi.setConfig({ testTimeout: 120_000 });

const log = useCliLog();
let browser: TestBrowser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser[Symbol.asyncDispose]());

/** The browser downloads what is exported, as those do that cannot write a file bit by bit. */
const downloading = (page: Page) =>
  page.evaluate(() => {
    Reflect.deleteProperty(window, "showSaveFilePicker");
  });

const open = async (
  path = "/",
  role: "admin" | "member" = "admin",
  url = log.server.url,
  context: BrowserContextOptions = {},
) => {
  const credential = await log.server.jwt({ role, teamId: log.teamId });
  const opened = await browser.open(url, { path, credential, tolerates: [/net::ERR_/], context });
  await downloading(opened.page);
  await opened.page.getByRole("button", { name: "Export", exact: true }).click();
  return opened;
};

const dialog = (page: Page) => page.getByRole("dialog", { name: "Export" });
const begin = (page: Page) => dialog(page).getByRole("button", { name: "Export" }).click();

/** Exports in the browser; answers with the file's name and text. */
async function exported(page: Page, format: "NDJSON" | "CSV") {
  await dialog(page).getByRole("radio", { name: format }).check();
  const [download] = await Promise.all([page.waitForEvent("download"), begin(page)]);
  await dialog(page).getByText("Done.").waitFor();
  return {
    name: download.suggestedFilename(),
    text: await readFile(await download.path(), "utf8"),
  };
}

const fromCli = async (name: string, ...args: string[]) => {
  succeeded(await log.annals(["export", "-o", name, ...args]));
  return await log.read(name);
};

describe("export in the browser", () => {
  it("writes the same NDJSON as the command line, which verifies", async () => {
    await log.record(650);
    await using opened = await open();
    const { page } = opened;
    const { name, text } = await exported(page, "NDJSON");
    expect(name).toMatch(new RegExp(`^annals-${log.teamId}-\\d{8}T\\d{6}Z\\.ndjson$`));
    await dialog(page).getByText("650 entries").waitFor();
    expect(text).toBe(await fromCli("cli.ndjson"));
    await log.write("browser.ndjson", text);
    expect(succeeded(await log.annals(["verify", "--file", "browser.ndjson"]))).toContain("650");
  });

  it.for(["light", "dark"] as const)("is accessible before and after (%s)", async (colorScheme) => {
    await log.record(3);
    await using opened = await open("/", "admin", log.server.url, { colorScheme });
    await dialog(opened.page).waitFor();
    await expectAccessible(opened.page);
    await exported(opened.page, "NDJSON");
    await expectAccessible(opened.page);
  });

  it("writes the same CSV as the command line, hostile cells made harmless", async () => {
    const name = `=HYPERLINK("http://a.example","x"),"\r\n;\u202e<b>`;
    await log.record(30, { resource: { type: "snapshot", id: "-5+cmd|' /C calc'!A0", name } });
    await using opened = await open();
    const { name: file, text } = await exported(opened.page, "CSV");
    expect(file).toMatch(/\.csv$/);
    expect(text).toBe(await fromCli("cli.csv", "--format", "csv"));
    expect(text).toContain(`"'-5+cmd`);
    expect(text.startsWith("\ufeff")).toBe(true);
  });

  it("exports what the filter shows, each entry with its proof", async () => {
    let n = 0;
    await log.record(40, () => ({
      status: n++ % 4 === 0 ? EntryStatus.ERROR : EntryStatus.SUCCESS,
    }));
    await using opened = await open("/?q=status%3Aerror");
    const { text } = await exported(opened.page, "NDJSON");
    expect(linesOf(text)).toHaveLength(12);
    expect(text).toBe(await fromCli("cli.ndjson", "--status", "error"));
    await log.write("browser.ndjson", text);
    succeeded(await log.annals(["verify", "--file", "browser.ndjson"]));
  });

  it("exports for a member what a member may read, with hashes for the rest", async () => {
    await log.record(21);
    await using opened = await open("/", "member");
    const { text } = await exported(opened.page, "NDJSON");
    await dialog(opened.page).getByText("3 entries that you may not read").waitFor();
    const lines = linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ withheld }) => typeof withheld === "object")).toHaveLength(3);
    expect(lines.filter((line) => "action" in line)).toHaveLength(18);
    expect(lines.at(-1)).toMatchObject({ entries: 18, withheld: 3 });
  });

  it("writes bit by bit into a file where the browser can", async () => {
    await log.record(120);
    await using opened = await open();
    const { page } = opened;
    // A person's click in the system's own dialog, which a test cannot do.
    await page.evaluate(() => {
      const showSaveFilePicker = async ({ suggestedName }: { suggestedName: string }) => {
        const root = await navigator.storage.getDirectory();
        return await root.getFileHandle(suggestedName, { create: true });
      };
      Object.assign(window, { showSaveFilePicker });
    });
    await begin(page);
    await dialog(page).getByText("Done.").waitFor();
    const written = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const files: string[] = [];
      for await (const handle of root.values()) {
        if (handle instanceof FileSystemFileHandle)
          files.push(await (await handle.getFile()).text());
      }
      return files;
    });
    expect(written).toEqual([await fromCli("cli.ndjson")]);
  });

  it("begins once, however often the button is clicked, and downloads where no file may be chosen", async () => {
    await log.record(12);
    await using opened = await open();
    const { page } = opened;
    await page.evaluate(() => {
      const showSaveFilePicker = async () => {
        throw new DOMException("not here", "SecurityError");
      };
      Object.assign(window, { showSaveFilePicker });
    });
    const names: string[] = [];
    page.on("download", (download) => names.push(download.suggestedFilename()));
    await dialog(page).getByRole("button", { name: "Export" }).dblclick();
    await dialog(page).getByText("Done.").waitFor();
    expect(await page.evaluate(() => document.querySelectorAll("[role=dialog]").length)).toBe(1);
    await expect.poll(() => names.length).toBe(1);
  });

  it("says that the file could not be written, keeps nothing, and can be begun again", async () => {
    await log.record(120);
    await using opened = await open();
    const { page } = opened;
    await page.evaluate(() => {
      const calls: string[] = [];
      const note = (call: string) => async () => void calls.push(call);
      const showSaveFilePicker = async () => ({
        createWritable: async () => ({
          write: async () => {
            throw new DOMException("no room on the disk", "QuotaExceededError");
          },
          close: note("close"),
          abort: note("abort"),
        }),
        getFile: async () => new Blob([]),
        remove: note("remove"),
      });
      Object.assign(window, { showSaveFilePicker, calls });
    });
    await begin(page);
    const words = "The file could not be written: no room on the disk";
    await dialog(page).getByText(words, { exact: true }).waitFor();
    expect(await page.evaluate(() => Reflect.get(window, "calls"))).toEqual(["abort", "remove"]);
    await expectAccessible(page);
    await downloading(page);
    const { text } = await exported(page, "NDJSON");
    expect(text).toBe(await fromCli("cli.ndjson"));
  });

  it("of a server that signs nothing is plain, and says that it proves nothing", async () => {
    await using server = await startTestServer();
    const teamId = newId("team");
    const credential = await server.jwt({ role: "admin", teamId });
    await server.clients(credential).audit.record({ entry: { action: "create" } });
    const tolerates = [/status of 400/];
    await using opened = await browser.open(server.url, { credential, tolerates });
    const { page } = opened;
    await downloading(page);
    await page.getByRole("button", { name: "Export", exact: true }).click();
    const { text } = await exported(page, "NDJSON");
    expect(linesOf(text)).toHaveLength(1);
    await dialog(page).getByText("the file does not prove where it is from").waitFor();
    expect(await dialog(page).getByText("annals verify").count()).toBe(0);
  });

  it("goes on through lost connections, with nothing missing or twice", async () => {
    const large = () => ({ metadata: { text: randomBytes(6_000).toString("hex") } });
    for (let made = 0; made < 400; made += 100) await log.record(100, large);
    await using proxy = await startTcpProxy(log.server.url);
    await using opened = await open("/", "admin", proxy.url.replace(/\/$/, ""));
    const { page } = opened;
    let cuts = 0;
    let bytes = 0;
    proxy.fromServer = (chunk) => {
      bytes += chunk.length;
      // In the middle of the stream, thrice.
      if (cuts >= 3 || bytes < 500_000 * (cuts + 1)) return "pass";
      cuts += 1;
      return "cut";
    };
    const { text } = await exported(page, "NDJSON");
    expect(cuts).toBe(3);
    expect(text).toBe(await fromCli("cli.ndjson"));
  });

  it("is cancelled, and can be begun again", async () => {
    await log.record(60, { status: EntryStatus.WARNING });
    await using opened = await open("/?q=status%3Awarning");
    const { page } = opened;
    const proofs = "**/audit.v1.ProofService/GetInclusionProof*";
    // It certainly runs when it is cancelled.
    await page.route(proofs, () => undefined);
    await begin(page);
    const cancel = dialog(page).getByRole("button", { name: "Cancel" });
    await cancel.waitFor();
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await cancel.click();
    await dialog(page).getByRole("radio", { name: "CSV" }).waitFor();
    await page.unroute(proofs);
    const { text } = await exported(page, "NDJSON");
    expect(linesOf(text)).toHaveLength(62);
  });

  it("goes on after the credential has expired and a fresh one was given", async () => {
    await log.record(40, { status: EntryStatus.WARNING });
    const sub = "usr-7f0c9f60-33a3-4f59-8b0c-0d1a5a1a2b3c";
    const mint = (expiresIn: number) =>
      log.server.jwt({ role: "admin", teamId: log.teamId, sub, expiresIn });
    await using opened = await browser.open(log.server.url, {
      path: "/?q=status%3Awarning",
      credential: await mint(6),
      tolerates: [/status of 401/],
    });
    const { page } = opened;
    await downloading(page);
    await page.getByRole("button", { name: "Export", exact: true }).click();
    const proofs = "**/audit.v1.ProofService/GetInclusionProof*";
    let letOn = () => {};
    const expired = new Promise<void>((resolve) => {
      letOn = resolve;
    });
    await page.route(proofs, async (route) => {
      await expired;
      await route.continue();
    });
    await begin(page);
    await page.getByText("Your access ended at").waitFor();
    letOn();
    await dialog(page).getByText("Your token has expired").waitFor();
    await dialog(page)
      .getByLabel("A fresh token or key", { exact: true })
      .fill(await mint(600));
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog(page).getByRole("button", { name: "Sign in again" }).click(),
    ]);
    const text = await readFile(await download.path(), "utf8");
    expect(text).toBe(await fromCli("cli.ndjson", "--status", "warning"));
  });

  it("exports all teams for a platform admin, and says that this proves nothing", async () => {
    await log.record(5);
    const credential = await log.server.jwt({ role: "platform_admin" });
    // What has just been recorded is not settled among all teams yet.
    const { audit } = log.server.clients(credential);
    const settled = async () => {
      const start = { case: "beginning", value: {} } as const;
      const found: string[] = [];
      for await (const { entries } of audit.stream({ allTeams: true, start, stopAtHead: true })) {
        found.push(...entries.map(({ teamId }) => teamId).filter((id) => id === log.teamId));
      }
      return found;
    };
    await expect.poll(settled, { timeout: 10_000 }).toHaveLength(5);
    await using opened = await browser.open(log.server.url, { path: "/?team=all", credential });
    const { page } = opened;
    await downloading(page);
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await dialog(page).getByText("export one team for a file that proves itself").waitFor();
    const { name, text } = await exported(page, "NDJSON");
    expect(name).toMatch(/^annals-all-teams-/);
    const entries = linesOf(text).map((line) => JSON.parse(line) as { teamId: string });
    expect(entries.filter(({ teamId }) => teamId === log.teamId)).toHaveLength(5);
  });
});
