import type { Page } from "playwright-core";

/** The row of an entry by its sequence, if it is in sight or near. */
export function rowOf(page: Page, sequence: number) {
  return page.locator(`tr[id$="-${sequence}"]`);
}

/** The sequences of the rows that exist just now, from the top. */
export function sequencesShown(page: Page): Promise<number[]> {
  return page.evaluate(() =>
    Array.from(document.querySelectorAll<HTMLElement>("tbody tr[aria-rowindex]"))
      .sort((a, b) => Number(a.ariaRowIndex) - Number(b.ariaRowIndex))
      .map(({ id }) => Number(id.slice(id.lastIndexOf("-") + 1))),
  );
}

/**
 * Scrolls the table, as fast as its rows come, until the one with the sequence `last` is there; down
 * if that is older than what is shown, else up. Answers with the sequences of all rows that came into
 * sight, in the order in which they did.
 */
export function scrollTo(page: Page, last: number): Promise<number[]> {
  return page.evaluate(async (end) => {
    const grid = document.querySelector<HTMLElement>("[role=grid]");
    if (grid === null) throw new Error("there is no table");
    const rows = () =>
      Array.from(grid.querySelectorAll<HTMLElement>("tbody tr[aria-rowindex]"))
        .sort((a, b) => Number(a.ariaRowIndex) - Number(b.ariaRowIndex))
        .map(({ id }) => Number(id.slice(id.lastIndexOf("-") + 1)));
    const isDown = end < (rows()[0] ?? 0);
    const seen = new Set<number>();
    while (!seen.has(end)) {
      for (const row of isDown ? rows() : rows().reverse()) seen.add(row);
      grid.scrollTop += (grid.clientHeight - 80) * (isDown ? 1 : -1);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    }
    return [...seen];
  }, last);
}
