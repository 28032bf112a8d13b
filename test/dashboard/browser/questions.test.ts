/** What the dashboard is for: each question is answered by clicking alone, from the sign-in link on. */
import { randomUUID } from "node:crypto";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { NewActor, NewEntry, TeamIdText } from "../../../src/client/new-entry.ts";
import { startBrowser, type TestBrowser, type Watched } from "../../support/browser.ts";
import { createCheckpoints } from "../../support/checkpoints.ts";
import { recordPast } from "../../support/history.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";
import { execute } from "../../support/rollback.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

// A browser, a server and a database share the machine.
vi.setConfig({ testTimeout: 120_000 });

const hour = 3_600_000;
const today = Math.floor(Date.now() / (24 * hour)) * 24 * hour;
const team: TeamIdText = `team-${randomUUID()}`;
const person = (name: string): NewActor => ({ type: "user", id: newId("usr"), name });
const [grace, mary] = [person("Grace Hopper"), person("Mary Somerville")];
const runner = { type: "sandbox", id: newId("sb"), name: "build-runner-3" };
const other = { type: "sandbox", id: newId("sb"), name: "build-runner-4" };
const snapshot = { type: "snapshot", id: "nightly-7" };
const key = { id: randomUUID(), name: "nightly backup" };
const byKey: NewActor = { type: "api_key", id: `key-${key.id}`, name: key.name };

/** Each with the hours since the beginning of today, in UTC. */
const past: readonly (readonly [number, NewActor, string, NewEntry["resource"]])[] = [
  [-60, mary, "create", runner],
  [-50, mary, "create", other],
  [-40, byKey, "resume", other],
  [-20, byKey, "create", snapshot],
  [-14, grace, "destroy", runner],
  [-13, mary, "destroy", other],
  [-9, byKey, "delete", snapshot],
  [0, mary, "connect", runner],
  [0, byKey, "pause", other],
];

function* history() {
  for (const [hours, actor, action, resource] of past) {
    const status = action === "connect" ? "error" : "success";
    const entry: NewEntry = { teamId: team, actor, action, resource, status };
    yield { at: new Date(today + hours * hour), entry };
  }
}

let held: AsyncDisposableStack;
let database: TestDatabase;
let server: TestServer;
let browser: TestBrowser;
beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  database = await createDatabase();
  stack.defer(() => database.drop());
  await recordPast(database.url, history());
  await execute(
    database.url,
    `INSERT INTO control_plane.api_keys (team_id, id, name, secret_hash, secret_hint, create_time)
     VALUES ('${team.replace("team-", "")}', '${key.id}', '${key.name}',
       sha256('nightly'), 'annals_n', now() - interval '3 days')`,
  );
  const { env } = stack.use(await createCheckpoints());
  server = stack.use(await startTestServer({ database, env }));
  browser = stack.use(await startBrowser());
  held = stack.move();
});
afterAll(() => held.disposeAsync());

const arrive = async (): Promise<Watched> =>
  browser.open(server.url, { credential: await server.jwt({ role: "admin", teamId: team }) });
const row = (page: Page, ...texts: string[]) =>
  texts.reduce(
    (rows, hasText) => rows.filter({ hasText }),
    page.getByRole("grid").getByRole("row"),
  );
const time = (hours: number) =>
  new Date(today + hours * hour).toISOString().replace("T", " ").replace("Z", "");

test("who destroyed this sandbox, and when?", async () => {
  await using watched = await arrive();
  const { page } = watched;
  // What raised the question: nobody can connect to it any more.
  const failed = row(page, "connect", "build-runner-3");
  await failed.getByRole("button", { name: "build-runner-3" }).click();
  await page.getByRole("menuitem", { name: "Only this" }).click();
  await expect.poll(() => row(page, "build-runner-4").count()).toBe(0);
  // On the row, where no value is.
  await row(page, "destroy").getByRole("gridcell").first().click();
  const entry = page.getByRole("article", { name: "The entry" });
  await entry.getByText("Grace Hopper").first().waitFor();
  const text = (await entry.innerText()).replace(/\s+/g, " ");
  expect(text).toContain("Grace Hopper · destroy · sandbox build-runner-3");
  expect(text).toContain(`Recorded ${time(-14)} UTC`);
});

test("the same, from the entry that raised the question", async () => {
  await using watched = await arrive();
  const { page } = watched;
  await row(page, "connect", "build-runner-3").getByRole("gridcell").first().click();
  const related = page.getByRole("region", { name: "Related entries" });
  await related.getByRole("button", { name: "Grace Hopper: destroy build-runner-3" }).click();
  await page
    .getByRole("article")
    .getByText(`${time(-14)} UTC`)
    .first()
    .waitFor();
});

test("what did this API key do yesterday?", async () => {
  await using watched = await arrive();
  const { page } = watched;
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("link", { name: "What it did: nightly backup" }).click();
  await expect.poll(() => row(page, "nightly backup").count()).toBe(4);
  await page.getByRole("button", { name: "Time range" }).click();
  await page.getByRole("button", { name: "Yesterday" }).click();
  await expect.poll(() => row(page, "nightly backup").count()).toBe(2);
  const shown = await row(page, "nightly backup").allInnerTexts();
  expect(shown.map((text) => /delete|create|resume|pause/.exec(text)?.[0])).toEqual([
    "delete",
    "create",
  ]);
});

test("what is happening right now?", async () => {
  await using watched = await arrive();
  const { page } = watched;
  await page.getByRole("switch", { name: "Live" }).click();
  await page
    .getByText(/^Live\b/)
    .last()
    .waitFor();
  const { audit } = server.clients(await server.jwt({ role: "service" }));
  await audit.record({ entry: { teamId: team, action: "deploy", resource: { type: "host" } } });
  await row(page, "deploy")
    .getByText(/^(now|\ds ago)$/)
    .waitFor();
});

test("has anything been tampered with?", async () => {
  await using watched = await arrive();
  const { page } = watched;
  await page.getByRole("link", { name: "Proof" }).click();
  await page.getByRole("button", { name: "Verify everything I may read" }).click();
  await page.getByText("Nothing has been tampered with", { exact: true }).waitFor();

  // As a superuser can, who would have it that somebody else destroyed the sandbox.
  await execute(
    database.url,
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
    `UPDATE control_plane.audit_logs SET actor_id = '${mary.id}' WHERE sequence = 5`,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
  );
  await page.getByRole("button", { name: "Verify everything again" }).click();
  await page.getByText("This log does not hold from entry 5 on").waitFor();
  await page.getByRole("link", { name: "Open entry 5" }).click();
  await page.getByRole("button", { name: "Verify", exact: true }).click();
  await page.getByText("Not verified", { exact: true }).waitFor();
  await page.getByText("This entry is not the one that was recorded").waitFor();
});
