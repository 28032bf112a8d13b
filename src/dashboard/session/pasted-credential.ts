/** A credential as people paste it. */

/** What was pasted: a credential, or why it is none. */
export type Pasted = { readonly credential: string } | { readonly mistake: string };

/** Longer ones do not fit into the headers that a server takes. */
const longest = 12_000;

/**
 * Takes the credential out of what was pasted: without white space and line ends (a terminal breaks
 * long lines), quotation marks, a header's name and `Bearer`, or out of a whole sign-in link.
 */
export function parsePasted(text: string): Pasted {
  const link = /#(?:.*&)?token=([^&\s]*)/u.exec(text.replace(/\s+/gu, ""));
  const credential = link ? decoded(link[1] ?? "") : bare(text);
  if (credential === "") return { mistake: "Paste a token or an API key first." };
  if (!/^[\x21-\x7e]+$/u.test(credential)) {
    return { mistake: "This has characters that no token or key has. Copy it again, all of it." };
  }
  if (credential.length > longest) {
    return { mistake: "This is longer than any token or key. Copy it again, and only that." };
  }
  return { credential };
}

function bare(text: string): string {
  return text
    .trim()
    .replace(/^["'`]+|["'`]+$/gu, "")
    .replace(/^(?:authorization|x-api-key)\s*:\s*/iu, "")
    .replace(/^bearer\s+/iu, "")
    .replace(/\s+/gu, "");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A broken escape is no token; it is refused for its characters or by the server.
    return text;
  }
}
