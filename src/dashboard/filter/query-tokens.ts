/** A query line cut into its terms, before anything in it means something. */

/** What of a line is not understood, and where it stands in it: positions in UTF-16 units. */
export interface QueryMistake {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** A value as it was typed, without its quotes. */
export interface ValueToken {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What stands between two spaces. */
export interface TermToken {
  readonly isExcluded: boolean;
  /** What stands before the first colon; undefined for a bare word. */
  readonly name: string | undefined;
  readonly values: readonly ValueToken[];
  readonly start: number;
  readonly end: number;
  /** What is wrong with its quotes and commas. */
  readonly mistakes: readonly QueryMistake[];
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const spaces = /\s*/y;
const name = /[^\s:,"]+:/y;
const plain = /[^\s,"]*/y;
const quoted = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;

/** Cuts a line into terms. Every text is some line: what is not is a mistake of its term. */
export function queryTokens(line: string): TermToken[] {
  const tokens: TermToken[] = [];
  for (let at = match(spaces, line, 0).length; at < line.length; ) {
    const token = termToken(line, at);
    tokens.push(token);
    at = token.end + match(spaces, line, token.end).length;
  }
  return tokens;
}

function termToken(line: string, start: number): TermToken {
  const isExcluded = line[start] === "-";
  const nameStart = isExcluded ? start + 1 : start;
  const named = match(name, line, nameStart);
  const mistakes: QueryMistake[] = [];
  const values: ValueToken[] = [];
  let at = nameStart + named.length;
  for (;;) {
    const value = valueToken(line, at, mistakes);
    values.push(value);
    at = value.end;
    if (line[at] !== ",") break;
    at += 1;
  }
  return {
    isExcluded,
    name: named === "" ? undefined : named.slice(0, -1),
    values,
    start,
    end: at,
    mistakes,
  };
}

/** One value, which ends before a comma, a space, or the end of the line. */
function valueToken(line: string, start: number, mistakes: QueryMistake[]): ValueToken {
  if (line[start] !== '"') return plainToken(line, start, mistakes);
  const inQuotes = match(quoted, line, start);
  if (inQuotes === "") {
    mistakes.push({ message: 'The quotation is not closed: add a "', start, end: line.length });
    return { text: line.slice(start + 1), start, end: line.length };
  }
  let end = start + inQuotes.length;
  const behind = match(/[^\s,]+/y, line, end);
  if (behind !== "") {
    mistakes.push({
      message: "After a quotation comes a space or a comma",
      start: end,
      end: end + behind.length,
    });
    end += behind.length;
  }
  const text = inQuotes
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (whole, hex, char) => {
      const meant =
        hex === undefined ? escapes[char] : String.fromCharCode(Number.parseInt(hex, 16));
      if (meant !== undefined) return meant;
      mistakes.push({ message: `${whole} means nothing; for a backslash write \\\\`, start, end });
      return whole;
    });
  return { text, start, end };
}

function plainToken(line: string, start: number, mistakes: QueryMistake[]): ValueToken {
  let text = match(plain, line, start);
  if (line[start + text.length] === '"') {
    text += match(/[^\s,]*/y, line, start + text.length);
    mistakes.push({
      message: 'A value with a quotation mark is put in quotes: "like \\"this\\""',
      start,
      end: start + text.length,
    });
  } else if (/[“”„«»]/.test(text)) {
    mistakes.push({
      message: 'Use straight quotes: "like this"',
      start,
      end: start + text.length,
    });
  }
  return { text, start, end: start + text.length };
}

/** What a sticky pattern finds at a position; "" if nothing. */
function match(pattern: RegExp, line: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(line)?.[0] ?? "";
}
