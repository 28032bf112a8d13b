import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const root = new URL("..", import.meta.url);

test("every test that docs/guarantees.md names exists", async () => {
  const text = await readFile(new URL("docs/guarantees.md", root), "utf8");
  const items = text.split("\n").filter((line) => line.startsWith("- `"));
  expect(items.length).toBeGreaterThan(0);
  for (const item of items) {
    const [, path = "", name = ""] = /^- `(test\/.+\.test\.ts)`: "(.+)"$/.exec(item) ?? [];
    expect(path, item).not.toBe("");
    expect(await readFile(new URL(path, root), "utf8"), item).toContain(`"${name}"`);
  }
});
