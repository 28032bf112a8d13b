import { create, toBinary } from "@bufbuild/protobuf";
import type { Download, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { GetResponseSchema } from "../../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { GetCheckpointResponseSchema } from "../../../gen/audit/v1/proof_service_pb.ts";
import { formatVerifierKey, parseNote } from "../../../src/log/note.ts";
import { makeSigningKey, type SigningKey, signNote } from "../../../src/log/signing-key.ts";
import {
  expectAccessible,
  type OpenOptions,
  startBrowser,
  type TestBrowser,
} from "../../support/browser.ts";
import { succeeded, useCliLog } from "../../support/cli-log.ts";
import { backUpLogs, execute } from "../../support/rollback.ts";
import { newId, startTestServer } from "../../support/server.ts";

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
  credential = await log.server.jwt({ role: "admin", teamId: log.teamId });
});

const soon = { timeout: 10_000 };

/** What a server answers whose log was rewound: the browser's console tells of that. */
const refusals = /status of (400|500)/;

function open(path: string, options: Omit<OpenOptions, "path" | "credential"> = {}) {
  return browser.open(log.server.url, { path, credential, ...options });
}

async function verify(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText(/^(Not v|V)erified$/).waitFor();
}

const alarm = (page: Page, title: string) => page.getByRole("alert").filter({ hasText: title });

async function downloaded(page: Page, button: string): Promise<{ name: string; text: string }> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).click();
  return contentOf(await downloading);
}

async function contentOf(download: Download) {
  const stream = await download.createReadStream();
  const text = Buffer.concat(await stream.toArray()).toString();
  return { name: download.suggestedFilename(), text };
}

/** Has the page told of another checkpoint than the server's. */
async function serveCheckpoint(page: Page, note: string, key: SigningKey): Promise<void> {
  const verifierKey = formatVerifierKey(key.verifier);
  const answer = create(GetCheckpointResponseSchema, { checkpoint: note, verifierKey });
  const body = Buffer.from(toBinary(GetCheckpointResponseSchema, answer));
  await page.route("**/audit.v1.ProofService/GetCheckpoint*", (route) =>
    route.fulfill({ contentType: "application/proto", body }),
  );
}

const rows = () => `team_id = '${log.teamId.replace("team-", "")}'`;

/** Changes an entry as a superuser can. */
async function tamper(assignment: string, { sequence }: Pick<AuditEntry, "sequence">) {
  const where = `${rows()} AND sequence = ${sequence}`;
  await execute(
    log.database.url,
    "BEGIN",
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
    `UPDATE control_plane.audit_logs SET ${assignment} WHERE ${where}`,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
    "COMMIT",
  );
}

test("a good entry is verified in the page, step by step, and its proof file convinces the command line", async () => {
  const [, , entry] = await log.record(11);
  await using watched = await open(`/?entry=${entry?.id}`);
  const { page } = watched;
  await verify(page);
  const steps = page.getByRole("region", { name: "Proof" }).locator("li[data-state]");
  expect(
    await steps.evaluateAll((all) => all.map((step) => step.getAttribute("data-state"))),
  ).toEqual(["passed", "passed", "passed", "passed", "passed"]);
  await page.getByText("How they are joined").click();
  await page.getByRole("img", { name: "4 hashes lead from this entry" }).waitFor();
  await expectAccessible(page);

  const file = await downloaded(page, "Download the proof");
  expect(file.name).toBe(`${entry?.id}.tlog-proof`);
  await log.write("entry.tlog-proof", file.text);
  const verified = await log.annals(["verify", "--proof", "entry.tlog-proof"]);
  expect(succeeded(verified)).toContain("entry 3 of ");
  expect((await downloaded(page, "Download the checkpoint")).text).toBe(await log.checkpoint());
});

test.for([
  ["actor", "actor_id = 'mallory'", "This entry is not the one that was recorded", "light"],
  ["metadata", `metadata = '{"n": 7}'`, "The names, metadata or request of this entry are", "dark"],
] as const)(
  "an entry whose %s was changed in the database is shown as broken",
  async ([, change, words, colorScheme]) => {
    const [entry] = await log.record(5);
    if (entry === undefined) throw new Error("nothing was recorded");
    await tamper(change, entry);
    await using watched = await open(`/?entry=${entry.id}`, { context: { colorScheme } });
    const { page } = watched;
    await verify(page);
    await page.getByText("Not verified", { exact: true }).waitFor();
    const broken = page.locator("li[data-state=failed]");
    expect(await broken.count()).toBe(1);
    expect(await broken.innerText()).toContain(words);
    expect(await page.getByRole("button", { name: "Download the proof" }).count()).toBe(0);
    await expectAccessible(page);
    const evidence = JSON.parse((await downloaded(page, "Download the evidence")).text);
    expect(evidence).toMatchObject({ faults: [{ step: "fingerprint" }], entry: { id: entry.id } });
  },
);

test("a log signed with another key is shouted about, until the reader gives that key", async () => {
  await log.record(3);
  await using watched = await open("/log");
  const { page } = watched;
  await page.getByText("This is the first look at it").waitFor();
  const key = makeSigningKey("audit.example.com");
  await serveCheckpoint(page, signNote(key, parseNote(await log.checkpoint()).text), key);
  await page.getByRole("button", { name: "Check again" }).click();
  await alarm(page, "signed with a key that this browser does not know").waitFor();
  await page.getByText("It was another key when this browser first saw this server").waitFor();
  await expectAccessible(page);

  const given = page.getByLabel("The key that you were given by another way");
  await given.fill("not a key");
  await page.getByRole("button", { name: "Is it this one?" }).click();
  await page.getByText("This is not a verifier key").waitFor();
  await given.fill(formatVerifierKey(key.verifier));
  await page.getByRole("button", { name: "Is it this one?" }).click();
  await page.getByText("It is the key that you were given.").waitFor();
  await page.getByText("This is the first look at it").waitFor();
  await expect.poll(() => alarm(page, "signed with a key").count(), soon).toBe(0);
});

test("a key that is not the one that the reader was given is shouted about", async () => {
  await log.record(3);
  await using watched = await open("/log");
  const { page } = watched;
  const other = formatVerifierKey(makeSigningKey("audit.example.com").verifier);
  await page.getByLabel("The key that you were given by another way").fill(other);
  await page.getByRole("button", { name: "Is it this one?" }).click();
  await alarm(page, "It is not the key that you were given").waitFor();
  await page.getByRole("button", { name: "Forget the keys" }).click();
  await page.getByText("Nobody else has confirmed it").waitFor();
});

test("a log that was rewound is shouted about on every page, with both checkpoints to keep", async () => {
  await log.record(3);
  const backup = await backUpLogs(log.database);
  await log.record(4);
  const context = { colorScheme: "dark" } as const;
  await using watched = await open("/log", { tolerates: [refusals], context });
  const { page } = watched;
  await page.getByText("This is the first look at it").waitFor();
  const seen = await log.checkpoint();
  await backup.restore(log.teamId);

  // The server has its own memory, and says so.
  await page.reload();
  await alarm(page, "The server says that this log is not the one it signed").waitFor();
  await page.getByRole("button", { name: "I have taken note of it" }).click();

  // One that does not is found out by the browser's.
  const { key } = log.checkpoints;
  const rewound = signNote(key, `${key.verifier.name}/${log.teamId}\n3\n${"A".repeat(43)}=\n`);
  await serveCheckpoint(page, rewound, key);
  await page.goto(`${log.server.url}/`);
  const banner = alarm(page, "This log is not the one that this browser saw before");
  await banner.waitFor();
  await expectAccessible(page);
  const downloads: Download[] = [];
  page.on("download", (download) => downloads.push(download));
  await banner.getByRole("button", { name: "Download both checkpoints" }).click();
  await expect.poll(() => downloads.length, soon).toBe(2);
  const kept = await Promise.all(downloads.map(contentOf));
  expect(kept.map(({ name }) => name.replace(/^\d+T\d+Z-/, ""))).toEqual([
    "seen-before.note",
    "given-now.note",
  ]);
  expect(kept.map(({ text }) => text)).toEqual([seen, rewound]);

  // It stays, until a person dismisses it.
  await page.getByRole("link", { name: "See what was checked" }).click();
  await page.getByText("The log is shorter than this browser saw it before").waitFor();
  await banner.waitFor();

  // Those who run the server may have said that they set it back.
  await page.getByRole("button", { name: "Take it as it is now…" }).click();
  await page.getByRole("button", { name: "Yes, forget what it was" }).click();
  await page.getByText("This is the first look at it").waitFor();
  expect(await banner.count()).toBe(0);
  await page.reload();
  await page.getByText("Yes, it goes on from there").waitFor();
  expect(await banner.count()).toBe(0);
});

test("everything that a member may read is verified, the rest as fingerprints", async () => {
  await log.record(40);
  const member = await log.server.jwt({ role: "member", teamId: log.teamId });
  await using watched = await browser.open(log.server.url, { path: "/log", credential: member });
  const { page } = watched;
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  await page.getByText("Nothing that you may read has been tampered with").waitFor();
  await page.getByText("35 of 40 entries were read").waitFor();
  await page.getByText("Of the other 5, which you may not read").waitFor();
  await expectAccessible(page);
});

test("of a log with a changed entry, the walk says which one, and the alarm stays", async () => {
  const entries = await log.record(30);
  const changed = entries[20];
  if (changed === undefined) throw new Error("nothing was recorded");
  await tamper("status = 'success', action = 'harmless'", changed);
  await using watched = await open("/log");
  const { page } = watched;
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  await page.getByText("This log does not hold from entry 21 on").waitFor();
  await alarm(page, "The entries of this log are not those that were signed for").waitFor();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Open entry 21" }).click();
  await expect.poll(() => page.url(), soon).toContain(changed.id);
});

test("what was verified stays what is shown, whatever the server says later", async () => {
  await log.record(2);
  const [entry] = await log.record(1, { actor: { type: 3, id: "billing", name: "Ada" } });
  if (entry === undefined) throw new Error("nothing was recorded");
  await using watched = await open(`/?entry=${entry.id}`);
  const { page } = watched;
  const article = page.getByRole("article", { name: "The entry" });
  await article.getByText("Ada", { exact: true }).first().waitFor();
  // Changed between reading and verifying: what is shown then is what was verified.
  await tamper("actor_name = 'Mallory'", entry);
  await verify(page);
  await page.getByText("Not verified", { exact: true }).waitFor();
  expect(await article.getByText("Ada", { exact: true }).count()).toBe(0);
  await alarm(page, "The entries of this log are not those that were signed for").waitFor();
  await tamper("actor_name = 'Ada'", entry);
  await page.getByRole("button", { name: "Check again" }).click();
  await page.getByText("Verified", { exact: true }).waitFor();
  await tamper("actor_name = 'Mallory'", entry);
  // The table reads the page of the entry again; the entry that was verified is not replaced.
  await page.getByRole("button", { name: "Read anew" }).click();
  await page.getByRole("grid").getByText("Mallory").waitFor();
  await page.getByText("Verified", { exact: true }).waitFor();
  expect(await article.getByText("Mallory").count()).toBe(0);
});

test("an answer about another team's entry is not taken for a proof", async () => {
  const [own] = await log.record(3);
  const other = newId("team");
  const { audit } = log.server.clients(await log.server.jwt({ role: "service" }));
  const { entry } = await audit.record({ entry: { teamId: other, action: "create" } });
  const stranger = log.server.clients(await log.server.jwt({ role: "admin", teamId: other }));
  const answer = await stranger.audit.get({
    teamId: other,
    key: { case: "id", value: entry?.id ?? "" },
  });
  await using watched = await open(`/?entry=${own?.id}`);
  const { page } = watched;
  await page.getByRole("article").waitFor();
  const body = Buffer.from(toBinary(GetResponseSchema, answer));
  await page.route(/AuditService\/Get(\?|$)/, (route) =>
    route.fulfill({ contentType: "application/proto", body }),
  );
  await verify(page);
  await page.getByText("Not verified", { exact: true }).waitFor();
  expect(await page.locator("li[data-state=failed]").innerText()).toContain(
    "In the verifier's words",
  );
  expect(await page.getByRole("button", { name: "Download the proof" }).count()).toBe(0);
  expect(await page.getByRole("article").innerText()).not.toContain(other);
  await alarm(page, "The entries of this log are not those that were signed for").waitFor();
});

test("on all teams, the proof page offers them to choose from", async () => {
  await log.record(3);
  const admin = await log.server.jwt({ role: "platform_admin" });
  await using watched = await browser.open(log.server.url, {
    path: "/log?team=all",
    credential: admin,
  });
  const { page } = watched;
  await page.getByRole("heading", { name: "Whose log?" }).waitFor();
  expect(await page.getByRole("option", { name: "All teams" }).count()).toBe(0);
  await expectAccessible(page);
  await page.getByRole("option").and(page.getByTitle(log.teamId)).click();
  await page.getByText("This is the first look at it").waitFor();
  expect(new URL(page.url()).searchParams.get("team")).toBe(log.teamId);
});

test("an alarm is seen in a second tab, and is gone there when it is dismissed in the first", async () => {
  const [entry] = await log.record(3);
  if (entry === undefined) throw new Error("nothing was recorded");
  await using watched = await open("/log");
  const { page } = watched;
  await page.getByText("This is the first look at it").waitFor();
  const second = await page.context().newPage();
  await second.goto(`${log.server.url}/log#token=${credential}`);
  await second.getByText("Yes, it goes on from there").waitFor();
  await tamper("action = 'harmless'", entry);
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  const title = "The entries of this log are not those that were signed for";
  await alarm(page, title).waitFor();
  await alarm(second, title).waitFor();
  await page.getByRole("button", { name: "I have taken note of it" }).click();
  await expect.poll(() => alarm(second, title).count(), soon).toBe(0);
});

test("a browser that keeps nothing says so beside what it found", async () => {
  const [entry] = await log.record(3);
  const keepNothing = (): void => {
    Storage.prototype.setItem = () => {
      throw new DOMException("no room", "QuotaExceededError");
    };
  };
  await using watched = await open("/log", {
    prepare: (page) => page.addInitScript(keepNothing),
    tolerates: [/localStorage is blocked/],
  });
  const { page } = watched;
  await page.getByText("This is the first look at it").waitFor();
  await page.getByText("your browser refuses to keep that").waitFor();
  await page.goto(`${log.server.url}/?entry=${entry?.id}#token=${credential}`);
  await verify(page);
  await page.getByText("Verified", { exact: true }).waitFor();
  await page.getByText("your browser refuses to keep that").waitFor();
});

test("a log without its first entries is not called whole, nor accused", async () => {
  await log.record(300);
  await execute(
    log.database.url,
    "BEGIN",
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
    `UPDATE control_plane.audit_log_heads SET first_sequence = 257 WHERE ${rows()}`,
    `DELETE FROM control_plane.audit_logs WHERE ${rows()} AND sequence < 257`,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
    "COMMIT",
  );
  await using watched = await open("/log");
  const { page } = watched;
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  await page.getByText("What is left is as it was recorded, but the beginning is not").waitFor();
  await page.getByText("The first 256 are not there any more.").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  await expectAccessible(page);
});

test("a long walk shows its progress and can be cancelled, and the page answers meanwhile", async () => {
  await log.record(6_000);
  await using watched = await open("/log");
  const { page } = watched;
  // The first try gets no answer, so that it lasts until it is cancelled.
  const reading = "**/audit.v1.AuditService/Stream";
  await page.route(reading, () => undefined);
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  const progress = page.getByRole("progressbar", { name: "Verifying the whole log" });
  // At nothing done it has no width, and so is not "visible".
  await progress.waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled: nothing was found out.").waitFor();
  await page.unroute(reading);
  await page.getByRole("button", { name: "Verify everything again" }).click();
  await page.getByText("All 6,000 entries were read").waitFor({ timeout: 60_000 });
});

test("a server that signs nothing says so calmly", async () => {
  await using server = await startTestServer();
  const teamId = newId("team");
  const admin = await server.jwt({ role: "admin", teamId });
  const { entry } = await server.clients(admin).audit.record({ entry: { action: "create" } });
  const tolerates = [/status of 400/];
  await using watched = await browser.open(server.url, {
    path: "/log",
    credential: admin,
    tolerates,
  });
  const { page } = watched;
  await page.getByText("This server signs no checkpoints").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  await expectAccessible(page);
  await page.goto(`${server.url}/?entry=${entry?.id}`);
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText("This server signs no checkpoints, so there is nothing").waitFor();
});

test("on a phone, in the dark, the proof fits the screen", async () => {
  const [entry] = await log.record(300);
  const context = { viewport: { width: 360, height: 740 }, colorScheme: "dark" } as const;
  await using watched = await open(`/?entry=${entry?.id}`, { context });
  const { page } = watched;
  await verify(page);
  for (const more of await page.locator("summary").all()) await more.click();
  await expectAccessible(page);
  await page.goto(`${log.server.url}/log`);
  await page.getByText("Yes, it goes on from there").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await expectAccessible(page);
});
