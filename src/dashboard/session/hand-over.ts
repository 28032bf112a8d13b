/** How a person arrives with a credential: in the address's fragment, which no server ever sees. */

/** What came with the address. */
export interface HandOver {
  readonly token: string;
}

/**
 * Takes the credential out of the address, and out of the browser's history with it:
 * `#token=<JWT or API key>`, as the sign-in link has it and as a host platform may write it. The rest
 * of the address stays. Undefined if there is none.
 */
export function takeHandOver({
  location,
  history,
}: Pick<Window, "location" | "history">): HandOver | undefined {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!fragment.has("token")) return undefined;
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  const token = fragment.get("token")?.trim();
  return token ? { token } : undefined;
}
