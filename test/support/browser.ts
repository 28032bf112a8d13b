import { AxeBuilder } from "@axe-core/playwright";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { chromiumLaunch } from "./chromium.ts";

/** A browser, and pages in it that do not know of one another. */
export interface TestBrowser extends AsyncDisposable {
  /**
   * Opens a path of a server as a person would: with a credential by the sign-in link, or without
   * one. The page fails its test when it is closed and anything was wrong in it; see `Watched`.
   */
  open(url: string, options?: OpenOptions): Promise<Watched>;
}

/** What to open, and how. */
export interface OpenOptions {
  /** Begins with a slash; `/` unless given. */
  readonly path?: string;
  /** A JWT or an API key, given in the fragment. */
  readonly credential?: string;
  /** What the browser is like: viewport, colour scheme, time zone. A desk's unless given, in UTC. */
  readonly context?: BrowserContextOptions;
  /** Done to the empty page before it is opened. */
  readonly prepare?: (page: Page) => Promise<unknown>;
  /** Complaints that the test is about. */
  readonly tolerates?: readonly RegExp[];
}

/**
 * A page that is watched: errors and warnings on its console (breaches of the content security
 * policy among them), exceptions, dialogs, and requests to anywhere but its server.
 */
export interface Watched extends AsyncDisposable {
  readonly page: Page;
  /** What was wrong so far, one line each. */
  readonly complaints: readonly string[];
}

/** Starts a browser. Use `await using`. */
export async function startBrowser(): Promise<TestBrowser> {
  const browser = await chromium.launch(await chromiumLaunch());
  return {
    async open(url, { path = "/", credential, context: given, prepare, tolerates = [] } = {}) {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        timezoneId: "UTC",
        locale: "en-GB",
        reducedMotion: "reduce",
        ...given,
      });
      context.setDefaultTimeout(15_000);
      const page = await context.newPage();
      const complaints: string[] = [];
      const complain = (line: string) => {
        if (!tolerates.some((expected) => expected.test(line))) complaints.push(line);
      };
      const { origin } = new URL(url);
      page.on("console", (message) => {
        const isBad = message.type() === "error" || message.type() === "warning";
        if (isBad) complain(`${message.type()}: ${message.text()}`);
      });
      page.on("pageerror", (error) => complain(`exception: ${error.stack ?? error.message}`));
      page.on("dialog", (dialog) => {
        complain(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("request", (request) => {
        const to = new URL(request.url());
        if (to.protocol.startsWith("http") && to.origin !== origin) {
          complain(`request to ${to.origin}`);
        }
      });
      await prepare?.(page);
      const fragment = credential === undefined ? "" : `#token=${encodeURIComponent(credential)}`;
      await page.goto(`${url}${path}${fragment}`);
      return {
        page,
        complaints,
        async [Symbol.asyncDispose]() {
          await context.close();
          expect(complaints).toEqual([]);
        },
      };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/**
 * Fails if axe finds anything serious or critical in what the page shows now. The page has no frames,
 * for which axe would open another page, and what is in order is not listed: that takes a fifth of the time.
 */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode()
    .options({ resultTypes: ["violations"] })
    .analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(
    serious.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
    })),
  ).toEqual([]);
}
