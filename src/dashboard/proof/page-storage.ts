/** Where this page keeps what outlives it. */

/** What is kept by name. */
export type KeptText = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The browser's local storage; what lives as long as the page, where the browser refuses that. */
export interface PageStorage extends KeptText {
  /** Whether it outlives the page. */
  readonly isLasting: boolean;
}

/** Opens it. Once it has refused something, it stays with the page's own. */
export function openPageStorage(local: () => KeptText = () => window.localStorage): PageStorage {
  const found = tried(local);
  if (found !== undefined) {
    return {
      isLasting: true,
      getItem: (key) => found.getItem(key),
      setItem: (key, value) => found.setItem(key, value),
      removeItem: (key) => found.removeItem(key),
    };
  }
  const kept = new Map<string, string>();
  return {
    isLasting: false,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => {
      kept.set(key, value);
    },
    removeItem: (key) => {
      kept.delete(key);
    },
  };
}

function tried(local: () => KeptText): KeptText | undefined {
  try {
    const storage = local();
    storage.setItem("annals/storage", "1");
    storage.removeItem("annals/storage");
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
