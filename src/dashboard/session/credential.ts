/** The credential in use: in memory, and in this tab's session storage so that a reload keeps it. */

const storageKey = "annals/credential";

/** What a credential is kept in. A browser may refuse storage; then memory alone has to do. */
type TabStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Holds one credential at a time. */
export class CredentialStore {
  readonly #storage: TabStorage | undefined;
  #credential: string | undefined;

  constructor(storage: TabStorage | undefined = tabStorage()) {
    this.#storage = storage;
    this.#credential = storage?.getItem(storageKey) ?? undefined;
  }

  /** The token or key; undefined when signed out. */
  get(): string | undefined {
    return this.#credential;
  }

  /** Keeps a credential until it is replaced, cleared, or the tab is closed. */
  set(credential: string): void {
    this.#credential = credential;
    try {
      this.#storage?.setItem(storageKey, credential);
    } catch {
      // A full or forbidden storage: the credential lives as long as the page.
    }
  }

  /** Whether it is what the tab keeps: a later page in it may have signed out, or in as another. */
  isCurrent(): boolean {
    if (this.#storage === undefined) return true;
    return (this.#storage.getItem(storageKey) ?? undefined) === this.#credential;
  }

  /** Forgets it. */
  clear(): void {
    this.#credential = undefined;
    this.#storage?.removeItem(storageKey);
  }
}

function tabStorage(): TabStorage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}
