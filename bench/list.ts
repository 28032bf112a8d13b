import { measureAppends } from "./list/append.ts";
import { measureFilters } from "./list/filters.ts";
import { measurePages } from "./list/pages.ts";
import { TrailShelf } from "./list/shelf.ts";
import { measureStorage } from "./list/storage.ts";
import { runParts, type Suite } from "./suite.ts";

/** Reading pages of logs of many sizes, and appending to them. */
export const list: Suite = {
  name: "list",
  description:
    "pages, deep pages and rare matches in a trail of many entries, its storage, and appending to it",
  run: async (setting) => {
    await using shelf = new TrailShelf(setting);
    await runParts(setting, {
      pages: (each) => measurePages(each, shelf),
      filters: (each) => measureFilters(each, shelf),
      storage: (each) => measureStorage(each, shelf),
      append: (each) => measureAppends(each, shelf),
    });
  },
};
