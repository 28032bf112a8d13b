import type { JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type AuditEntry, EntryScope, EntryStatus } from "../../../gen/audit/v1/entry_pb.ts";
import { diff } from "../../../src/client/metadata/diff.ts";
import { expectAccessible, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { useCliLog } from "../../support/cli-log.ts";
import { newId } from "../../support/server.ts";

// A browser, a server and a database share the machine, and axe takes seconds.
vi.setConfig({ testTimeout: 120_000 });

const log = useCliLog();
let browser: TestBrowser;
let credential: string;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser[Symbol.asyncDispose]());
beforeEach(async () => {
  credential = await log.server.jwt({ role: "admin", teamId: log.teamId, name: "Grace Hopper" });
});

type EntryInit = Exclude<Parameters<typeof log.record>[1], undefined | (() => unknown)>;

const phone = { viewport: { width: 360, height: 740 } };
const desk = { timezoneId: "Europe/Vienna" };

function open(entry: AuditEntry, context: object = desk, tolerates: RegExp[] = []) {
  const path = `/?team=${log.teamId}&entry=${entry.id}`;
  return browser.open(log.server.url, { path, credential, context, tolerates });
}

async function record(init: Parameters<typeof log.record>[1] = {}): Promise<AuditEntry> {
  const [entry] = await log.record(1, init);
  if (entry === undefined) throw new Error("nothing was recorded");
  return entry;
}

const fullEntry = (): EntryInit => ({
  actor: { type: 1, id: newId("usr"), name: "Ada Lovelace" },
  resource: { type: "sandbox", id: newId("sb"), name: "build-runner-3" },
  action: "destroy",
  scope: EntryScope.TEAM,
  status: EntryStatus.WARNING,
  context: {
    ipAddress: "2001:db8::1",
    userAgent: "curl/8.9.1",
    requestId: "req-7",
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  },
  metadata: {
    old_name: "runner",
    new_name: "build-runner-3",
    template: "python-3.13",
    limits: { vcpus: 2, disks: [{ size: 10 }] },
    changes: { ...diff({ vcpus: 1 }, { vcpus: 2, gpu: "none" }) } as JsonObject,
  },
  occurTime: timestampFromMs(Date.UTC(2026, 2, 1, 12)),
});

test("an entry that is linked to opens with all that it says", async () => {
  const entry = await record(fullEntry());
  await using watched = await open(entry);
  const drawer = watched.page.getByRole("complementary", { name: "Entry" });
  const article = drawer.getByRole("article");
  await article.waitFor();
  const text = (await article.innerText()).replace(/\s+/g, " ");
  for (const part of [
    /Ada Lovelace · destroy · sandbox build-runner-3 \S+ ago\. It was done and deserves a look\./,
    /Recorded by billing service A service of the platform recorded this for somebody else/,
    /Happened 2026-03-01 13:00:00\.000 Europe\/Vienna 2026-03-01 12:00:00\.000 UTC/,
    /IP address 2001:db8::1 User agent curl\/8\.9\.1 Request id req-7 Trace id 4bf92f35/,
    /name runner build-runner-3/,
    /vcpus 1 2/,
    /gpu was not there none/,
  ]) {
    expect(text).toMatch(part);
  }
  for (const id of [entry.id, entry.teamId, entry.actor?.id ?? "", entry.resource?.id ?? ""]) {
    expect(text).toContain(id);
  }
  await expectAccessible(watched.page);
});

test("metadata is searched, closed and opened, and shown as JSON", async () => {
  const entry = await record(fullEntry());
  await using watched = await open(entry);
  const metadata = watched.page.getByRole("region", { name: "Metadata", exact: true });
  await metadata.getByRole("button", { name: "limits" }).click();
  expect(await metadata.getByText("vcpus", { exact: true }).count()).toBe(1);
  await metadata.getByRole("searchbox").fill("SIZE");
  await metadata.getByText("1 found").waitFor();
  expect(await metadata.getByRole("listitem").innerText()).toBe("limits › disks › 0 › size: 10");
  await metadata.getByRole("tab", { name: "JSON" }).click();
  expect(JSON.parse(await metadata.getByLabel("Metadata as JSON").innerText())).toEqual(
    entry.metadata,
  );
});

test("what is copied and downloaded is the entry, and its link has no credential in it", async () => {
  const entry = await record(fullEntry());
  await using watched = await open(entry);
  const { page } = watched;
  await page.getByRole("article").waitFor();
  await page.evaluate(() => {
    navigator.clipboard.writeText = async (text) => {
      document.body.dataset.copied = text;
    };
  });
  const copied = async (name: string) => {
    await page.getByRole("button", { name }).click();
    return page.evaluate(() => document.body.dataset.copied ?? "");
  };
  const link = await copied("Copy link");
  expect(link).toBe(`${log.server.url}/?team=${log.teamId}&entry=${entry.id}`);
  expect(await copied("Copy id")).toBe(entry.id);
  const json = JSON.parse(await copied("Copy JSON"));
  expect(json).toMatchObject({ id: entry.id, metadata: entry.metadata });
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download JSON" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe(`${entry.id}.json`);
  const stream = await download.createReadStream();
  expect(JSON.parse(Buffer.concat(await stream.toArray()).toString())).toEqual(json);
});

test("entries with the same resource, actor and request are a click away", async () => {
  const shared = fullEntry();
  const [first, second] = [await record(shared), await record({ ...shared, action: "create" })];
  await record({ ...fullEntry(), action: "unrelated", context: { requestId: "req-8" } });
  await using watched = await open(second);
  const { page } = watched;
  const related = page.getByRole("region", { name: "Related entries" });
  await related.getByRole("listitem").nth(2).waitFor();
  expect(await related.getByText("unrelated").count()).toBe(0);
  await related.getByRole("listitem").first().getByRole("button").click();
  await expect.poll(() => page.url()).toContain(first.id);
  await page.getByRole("article").getByText("destroy").first().waitFor();
  await page.goBack();
  await expect.poll(() => page.url()).toContain(second.id);
  const all = related.getByRole("link", { name: "Show them all" }).first();
  await all.click();
  await expect
    .poll(() => new URL(page.url()).searchParams.get("q"))
    .toBe(`type:sandbox resource:${first.resource?.id}`);
});

test("by keyboard it opens, follows the rows, and gives the focus back when it closes", async () => {
  const entries = await log.record(3);
  await using watched = await browser.open(log.server.url, {
    path: `/?team=${log.teamId}`,
    credential,
  });
  const { page } = watched;
  const shows = (entry: AuditEntry | undefined) =>
    expect.poll(() => new URL(page.url()).searchParams.get("entry")).toBe(entry?.id ?? null);
  const grid = page.getByRole("grid");
  await expect.poll(() => grid.getByRole("row").count()).toBeGreaterThan(3);
  await grid.focus();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await shows(entries[2]);
  const title = page.getByRole("heading", { name: "Entry", exact: true });
  await expect.poll(() => title.evaluate((it) => it === document.activeElement)).toBe(true);
  await page.keyboard.press("j");
  await shows(entries[1]);
  await page.keyboard.press("k");
  await shows(entries[2]);
  await page.getByRole("article").waitFor();
  await page.keyboard.press("Escape");
  await shows(undefined);
  await expect.poll(() => grid.evaluate((it) => it === document.activeElement)).toBe(true);
});

test("where the reader's zone is as UTC, a time stands there once", async () => {
  const entry = await record(fullEntry());
  await using watched = await open(entry, { timezoneId: "Africa/Abidjan" });
  const article = watched.page.getByRole("article");
  await article.waitFor();
  const text = (await article.innerText()).replace(/\s+/g, " ");
  expect(text).toMatch(/Happened 2026-03-01 12:00:00\.000 UTC \S+ ago/);
});

test("opened by a link and closed by its button, it gives the focus to the table", async () => {
  const entry = await record(fullEntry());
  await using watched = await open(entry);
  const { page } = watched;
  await page.getByRole("button", { name: "Close the entry" }).press("Enter");
  const grid = page.getByRole("grid");
  await expect.poll(() => grid.evaluate((it) => it === document.activeElement)).toBe(true);
});

test("members that JavaScript has a meaning for are members like any other", async () => {
  const metadata = JSON.parse(
    '{"__proto__": {"x": 1}, "constructor": {"prototype": 2}, "": "nameless", "n": 1e308, "z": -0}',
  ) as JsonObject;
  const entry = await record({ metadata });
  await using watched = await open(entry);
  const { page } = watched;
  const region = page.getByRole("region", { name: "Metadata", exact: true });
  await region.getByRole("listitem").nth(6).waitFor();
  const shown = await region.getByRole("listitem").allInnerTexts();
  expect(shown.map((text) => text.trim()).sort()).toEqual([
    "__proto__ 1 member",
    "constructor 1 member",
    "n: 1e+308",
    "prototype: 2",
    "without a name: nameless",
    "x: 1",
    "z: 0",
  ]);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("Verified", { exact: true }).waitFor();
  await region.getByRole("tab", { name: "JSON" }).click();
  expect(await region.getByLabel("Metadata as JSON").innerText()).toContain('"__proto__": {');
});

test("an entry that is not there, or may not be read, is said kindly", async () => {
  const secret = await record({ scope: EntryScope.ADMIN });
  const member = await log.server.jwt({ role: "member", teamId: log.teamId });
  for (const id of [secret.id, newId("log")]) {
    await using watched = await browser.open(log.server.url, {
      ...{ path: `/?entry=${id}`, credential: member },
      tolerates: [/status of 404/],
    });
    await watched.page.getByText("There is no such entry", { exact: true }).waitFor();
  }
  await using cut = await browser.open(log.server.url, {
    ...{ path: "/?entry=log-0190a7c4%3Cscript%3E", credential: member },
  });
  await cut.page.getByText("The address does not name an entry").waitFor();
});

test("erased details are shown as erased, by whom, and the entry still verifies", async () => {
  const entry = await record(fullEntry());
  await log.record(3);
  const { audit } = log.server.clients(credential);
  const { entry: erasure } = await audit.erase({ teamId: log.teamId, ids: [entry.id] });
  await using watched = await open(entry);
  const { page } = watched;
  await page.getByText("The details of this entry were erased").waitFor();
  expect(await page.getByText("Ada Lovelace").count()).toBe(0);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("Verified", { exact: true }).waitFor();
  await page.getByText("what stands for the erased details").waitFor();
  await page.getByText("as it was recorded, but for its details, which were erased").waitFor();
  await expectAccessible(page);
  await page.getByRole("button", { name: "open that entry" }).click();
  await expect.poll(() => page.url()).toContain(erasure?.id ?? "none");
});

/** As many bytes as a field may have. */
function filled(text: string, bytes: number): string {
  const times = Math.floor(bytes / Buffer.byteLength(text));
  const repeated = text.repeat(times);
  return repeated + "x".repeat(bytes - Buffer.byteLength(repeated));
}

const hostile = {
  script: `<script>alert(1)</script><img src=x onerror=alert(2)>"'&lt;`,
  "direction and hidden": "\u202egnp.exe\u2066\u2067\u200fa\u200b\u200d\ufeff\u2060\u00adb",
  emoji: "👩‍👩‍👧‍👦🏴‍☠️é\u0301\u0489",
  unbroken: "W",
};

test.for(Object.entries(hostile))(
  "hostile text (%s) in every field, up to its limit, is shown and not obeyed",
  async ([, text]) => {
    const entry = await record({
      actor: { type: 3, id: filled(text, 256), name: filled(text, 256) },
      resource: { type: "thing", id: filled(text, 256), name: filled(text, 256) },
      action: filled("action.", 255).replace(/\.x*$/, ""),
      context: {
        userAgent: filled(text, 1_024),
        requestId: filled(text, 256),
        traceId: filled(text, 256),
      },
      metadata: {
        [text]: text,
        old_text: filled(text, 2_000),
        new_text: filled(text, 2_000),
        long: filled(text, 12_000).slice(0, 9_000).toWellFormed(),
        deep: { [filled(text, 1_000)]: [[[[[[[[[[[[text]]]]]]]]]]]] },
        changes: { [filled(text, 500)]: { from: text, to: [text, { [text]: text }] } },
      },
    });
    await using watched = await open(entry, { ...phone, colorScheme: "dark" as const });
    const { page } = watched;
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Verified", { exact: true }).waitFor();
    for (const more of await page.locator("summary").all()) await more.click();
    await page.getByRole("tab", { name: "JSON" }).click();
    await page.getByRole("tab", { name: "Tree" }).click();
    const related = page.getByRole("region", { name: "Related entries" });
    await related.getByText("No others.").nth(2).waitFor();
    const cut = page.getByRole("button", { name: /^Show all/ });
    for (let left = await cut.count(); left > 0; left = await cut.count())
      await cut.first().click();
    expect(await page.evaluate(overflow)).toEqual([]);
    expect(
      await page.evaluate(() => document.querySelectorAll("img, script:not([src])").length),
    ).toBe(0);
    // Nothing of what reverses or hides text is left to do that.
    const shown = await page.getByRole("article").innerText();
    expect(shown).not.toMatch(/[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/);
    await expectAccessible(page);
  },
);

/** What is wider than the page: each element that no scrolling box of its own holds. */
function overflow(): string[] {
  const wide = [...document.querySelectorAll("*")].filter(
    (element) => element.getBoundingClientRect().right > innerWidth + 1,
  );
  const isHeld = (element: Element) => {
    for (let at = element.parentElement; at !== null; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible" && at.closest("aside") !== null) {
        const { right } = at.getBoundingClientRect();
        if (right <= innerWidth + 1 && at.scrollWidth <= at.clientWidth) return true;
      }
    }
    return false;
  };
  const inDrawer = wide.filter((element) => element.closest("aside") !== null && !isHeld(element));
  const isPageWide = document.documentElement.scrollWidth > innerWidth;
  return [
    ...inDrawer.map((element) => `${element.tagName} ${element.className}`),
    ...(isPageWide ? ["the page"] : []),
  ];
}
