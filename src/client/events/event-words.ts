/** The log's spelling of a TypeScript name: `apiKey` is `api_key`. */
export type WordsOf<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${WordsOf<Rest>}`
    : `_${Lowercase<First>}${WordsOf<Rest>}`
  : Name;

/** The same at run time. What is in words already stays as it is. */
export function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
