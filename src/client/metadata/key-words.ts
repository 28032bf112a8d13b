/** Names of keys that say that the value is a secret. */

/**
 * The words that a secret's key has, in lower case and without what parts them: `apikey` is also
 * `api_key`, `apiKey`, `API-Key` and `x-api-keys`.
 */
export const defaultKeyWords: readonly string[] = [
  ...["password", "passwd", "pwd", "passphrase", "token", "secret", "authorization", "cookie"],
  ...["credential", "apikey", "privatekey", "secretkey", "clientsecret", "jwt", "pgpassword"],
  ...["accesstoken", "authtoken", "idtoken", "refreshtoken", "sessiontoken"],
];

/** Upper-case runs (`API` in `APIKey`), words with or without a capital; everything else parts words. */
const word = /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\p{Lo}+|\p{Lu}/gu;

/**
 * Makes the test of whether a key has one of the words in it, as words: `accessToken`, `client_secret`,
 * `Set-Cookie`, `passwords` and `PASSWORD2` have, `tokenizer` and `secretary` have not.
 */
export function compileKeyWords(terms: readonly string[]): (key: string) => boolean {
  const known = new Set(terms.map((term) => words(term).join("")));
  known.delete("");
  if (known.size === 0) return () => false;
  const maxLength = Math.max(...[...known].map((term) => term.length)) + "s".length;
  const isTerm = (text: string) =>
    known.has(text) || (text.endsWith("s") && known.has(text.slice(0, -1)));
  return (key) => {
    const parts = words(key);
    return parts.some((_part, at) => {
      let text = "";
      for (let end = at; end < parts.length && text.length < maxLength; end += 1) {
        text += parts[end];
        if (isTerm(text)) return true;
      }
      return false;
    });
  };
}

function words(text: string): string[] {
  return (text.normalize("NFKC").match(word) ?? []).map((part) => part.toLowerCase());
}
