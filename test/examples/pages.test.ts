import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { pages } from "../../examples/write-pages.ts";

it.each(Object.entries(pages))(
  "%s is as `node examples/write-pages.ts` prints it",
  async (path, text) => {
    const url = new URL(`../../examples/${path}`, import.meta.url);
    expect(await readFile(url, "utf8")).toBe(text);
  },
);
