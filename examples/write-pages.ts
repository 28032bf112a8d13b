/** Prints the catalogues: `node examples/write-pages.ts`, after a change of one. */
import { writeFile } from "node:fs/promises";
import { catalogue as operator } from "./operator/events.ts";
import { catalogue as sandboxPlatform } from "./sandbox-platform/events.ts";

/** What the files say, by their path from here. */
export const pages: Readonly<Record<string, string>> = {
  "sandbox-platform/events.md": sandboxPlatform.toMarkdown({
    title: "What a platform of sandboxes audits",
  }),
  "operator/events.md": operator.toMarkdown({ title: "What an operator's commands audit" }),
};

if (import.meta.main) {
  for (const [path, text] of Object.entries(pages)) {
    await writeFile(new URL(path, import.meta.url), text);
  }
}
