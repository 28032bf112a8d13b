/**
 * Pictures of every screen of the dashboard in both themes, into docs/screenshots: `npm run
 * screenshots`. Against a server, a database and a browser of its own, with a made-up past of 14 days.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { loadConfig } from "../src/config.ts";
import { build, isFresh } from "../src/dashboard/build.ts";
import { formatSigningKey, makeSigningKey } from "../src/log/signing-key.ts";
import { createLogger } from "../src/logger.ts";
import { startServer } from "../src/server/server.ts";
import { migrateUp } from "../src/store/migrate.ts";
import { chromiumLaunch } from "../test/support/chromium.ts";
import { recordPast } from "../test/support/history.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { ada, makeKeys, past, tamper, tamperedTeam, team } from "./screenshots-data.ts";

const directory = fileURLToPath(new URL("../docs/screenshots/", import.meta.url));
const emptyTeam = "team-00000000-0000-7000-8000-000000000002";
const desk = { width: 1280, height: 800 };
const phone = { width: 360, height: 740 };

/** A screen: how one gets to it from the trail, signed in. */
interface Screen {
  readonly name: string;
  readonly viewport?: typeof desk;
  readonly path?: string;
  readonly signedOut?: true;
  readonly go?: (page: Page) => Promise<void>;
}

const openFirstEntry = async (page: Page) => {
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Verify" }).waitFor();
};

const screens: readonly Screen[] = [
  { name: "sign-in", signedOut: true },
  { name: "trail" },
  { name: "filter", path: "/?q=-status%3Asuccess+type%3Asandbox+since%3A7d" },
  { name: "live", path: "/?live=1" },
  { name: "entry", go: openFirstEntry },
  {
    name: "proof",
    go: async (page) => {
      await openFirstEntry(page);
      await page.getByRole("button", { name: "Verify" }).click();
      await page.getByText("Verified", { exact: true }).waitFor();
    },
  },
  {
    name: "differences",
    go: async (page) => {
      await page
        .getByRole("row")
        .filter({ hasText: "rename" })
        .first()
        .getByRole("gridcell")
        .first()
        .click();
      await page.getByRole("region", { name: "What changed" }).waitFor();
    },
  },
  {
    name: "tampered",
    path: `/?team=${tamperedTeam}`,
    go: async (page) => {
      await openFirstEntry(page);
      await page.getByRole("button", { name: "Verify" }).click();
      await page.getByText("Not verified", { exact: true }).waitFor();
    },
  },
  {
    name: "log",
    path: "/log",
    go: async (page) => {
      await page.getByRole("button", { name: "Verify everything" }).click();
      await page.getByText("Nothing has been tampered with").waitFor();
    },
  },
  { name: "keys", path: "/keys" },
  {
    name: "export",
    go: async (page) => {
      await page.getByRole("button", { name: "Export" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  { name: "empty", path: `/?team=${emptyTeam}` },
  { name: "all-teams", path: "/?team=all" },
  { name: "phone", viewport: phone },
];

await using cleanup = new AsyncDisposableStack();
if (!(await isFresh())) await build("error");
const postgres = cleanup.use(await startPostgres());
await migrateUp({ connectionString: postgres.url }, () => undefined);
await recordPast(postgres.url, past());
await tamper(postgres.url);
const checkpoints = await mkdtemp(join(tmpdir(), "annals-screenshots-"));
cleanup.defer(() => rm(checkpoints, { recursive: true }));
const secret = randomBytes(32).toString("base64url");
const server = await startServer(
  loadConfig({
    PORT: "0",
    DATABASE_URL: postgres.url,
    AUTH_JWT_SECRET: secret,
    CHECKPOINT_KEY: formatSigningKey(makeSigningKey("audit.example.com")),
    CHECKPOINT_STORE: checkpoints,
  }),
  createLogger("fatal"),
);
cleanup.defer(() => server.close());
const token = await new SignJWT({ role: "platform_admin", name: "Ada Lovelace", team_id: team })
  .setProtectedHeader({ alg: "HS256" })
  .setSubject(ada.id)
  .setIssuedAt()
  .setExpirationTime("2h")
  .sign(Buffer.from(secret));
await makeKeys(server.url, token);
const browser = await chromium.launch(await chromiumLaunch());
cleanup.defer(() => browser.close());

await mkdir(directory, { recursive: true });
for (const colorScheme of ["light", "dark"] as const) {
  for (const screen of screens) {
    const context = await browser.newContext({
      viewport: screen.viewport ?? desk,
      colorScheme,
      locale: "en-GB",
      timezoneId: "Europe/Vienna",
      reducedMotion: "reduce",
    });
    await shoot(context, screen, `${screen.name}-${colorScheme}.png`);
    await context.close();
  }
}

async function shoot(context: BrowserContext, screen: Screen, file: string): Promise<void> {
  const page = await context.newPage();
  const fragment = screen.signedOut ? "" : `#token=${token}`;
  await page.goto(`${server.url}${screen.path ?? "/"}${fragment}`);
  await page.waitForLoadState("networkidle", { timeout: 3_000 }).catch(ignoreOpenStream);
  await screen.go?.(page);
  // What is being drawn has no event that says it is done.
  await page.waitForTimeout(700);
  await page.screenshot({ path: join(directory, file) });
  process.stdout.write(`${file}\n`);
}

/** A live trail is never idle. */
function ignoreOpenStream(error: unknown): void {
  if (!(error instanceof Error && error.name === "TimeoutError")) throw error;
}
