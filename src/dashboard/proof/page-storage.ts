/** Where this page keeps what outlives it. */

/** What is kept by name. */
export type KeptText = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The browser's local storage; for what the browser refuses to keep, the page's own memory. */
export interface PageStorage extends KeptText {
  /** Whether all that was kept outlives the page. */
  readonly isLasting: boolean;
}

/** Opens it. Storage that is full or forbidden is no error: what it refuses lives as long as the page. */
export function openPageStorage(local: () => KeptText = () => window.localStorage): PageStorage {
  const lasting = tried(local);
  const refused = new Map<string, string>();
  return {
    get isLasting() {
      return lasting !== undefined && refused.size === 0;
    },
    getItem: (key) => refused.get(key) ?? lasting?.getItem(key) ?? null,
    setItem(key, value) {
      try {
        if (lasting === undefined) throw new Error("there is no lasting storage");
        lasting.setItem(key, value);
        refused.delete(key);
      } catch {
        refused.set(key, value);
      }
    },
    removeItem(key) {
      refused.delete(key);
      lasting?.removeItem(key);
    },
  };
}

/** The storage if it can at least be read: a full one still tells what was kept before. */
function tried(local: () => KeptText): KeptText | undefined {
  try {
    const storage = local();
    storage.getItem("annals");
    return storage;
  } catch {
    return undefined;
  }
}

/** The storage of this page, opened when it is first asked for. */
export function pageStorage(): PageStorage {
  opened ??= openPageStorage();
  return opened;
}

let opened: PageStorage | undefined;
