import { expect, test } from "vitest";
import { startBrowser } from "../../support/browser.ts";
import { createCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer } from "../../support/server.ts";

/** On the wire, of all that the first view loads by itself, the chart and the check of the log included. */
const scriptBytes = 250_000;

test("the first view takes no more than 250 kB of script", { timeout: 120_000 }, async () => {
  await using checkpoints = await createCheckpoints();
  await using server = await startTestServer({ env: checkpoints.env });
  const teamId = newId("team");
  const credential = await server.jwt({ role: "admin", teamId });
  await server.clients(credential).audit.record({ entry: { action: "create" } });
  await using browser = await startBrowser();
  await using opened = await browser.open(server.url, { credential });
  const { page } = opened;
  await page.getByRole("grid").getByText("create").first().waitFor();
  await page.locator("canvas").first().waitFor();
  const sizes = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter(({ name }) => name.endsWith(".js"))
      .map((entry) => (entry as PerformanceResourceTiming).encodedBodySize),
  );
  expect(sizes.length).toBeGreaterThan(5);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(scriptBytes);
});
