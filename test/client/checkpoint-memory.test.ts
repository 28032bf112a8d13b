import { describe, expect, test } from "vitest";
import { localStorageMemory, volatileMemory } from "../../src/client/checkpoint-memory.ts";

/** Local storage as a browser has it, of one page. */
function storage(items = new Map<string, string>()) {
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
}

describe.each([
  ["that lives as long as itself", () => volatileMemory()],
  ["in local storage", () => localStorageMemory(storage())],
])("a memory %s", (_, create) => {
  test("knows what was remembered last of an origin", async () => {
    const memory = create();
    expect(await memory.get("a")).toBeUndefined();
    expect(await memory.replace("a", undefined, "one")).toBe(true);
    expect(await memory.replace("a", "one", "two")).toBe(true);
    expect(await memory.get("a")).toBe("two");
    expect(await memory.get("b")).toBeUndefined();
  });

  test("replaces only what is expected", async () => {
    const memory = create();
    expect(await memory.replace("a", "one", "two")).toBe(false);
    await memory.replace("a", undefined, "one");
    expect(await memory.replace("a", undefined, "two")).toBe(false);
    expect(await memory.replace("a", "other", "two")).toBe(false);
    expect(await memory.get("a")).toBe("one");
  });

  test("lets one of two win who replace the same at once", async () => {
    const memory = create();
    const both = ["one", "two"].map((note) => memory.replace("a", undefined, note));
    expect(await Promise.all(both)).toEqual([true, false]);
    expect(await memory.get("a")).toBe("one");
  });
});

describe("a memory in local storage", () => {
  test("is shared by the pages of a web origin, and by nothing else in it", async () => {
    const { items } = storage();
    items.set("a", "somebody else's");
    const [one, two] = [storage(items), storage(items)].map(localStorageMemory);
    await one?.replace("a", undefined, "note");
    expect(await two?.get("a")).toBe("note");
    expect(items.get("a")).toBe("somebody else's");
  });

  test("fails as the browser does if that refuses, or is full", async () => {
    const refused = new Error("QuotaExceededError");
    const full = {
      ...storage(),
      setItem: () => {
        throw refused;
      },
    };
    await expect(localStorageMemory(full).replace("a", undefined, "note")).rejects.toBe(refused);
  });
});
