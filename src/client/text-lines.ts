/** Text that arrives in pieces, line by line. */

/** The longest line that is read, in UTF-16 units. */
export const maxLineLength = 1024 * 1024;

/** Bytes that are not lines of text; `line` is the number of the line, from 1. */
export class TextLinesError extends Error {
  override readonly name = "TextLinesError";
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * The lines of UTF-8 text, without their ends, in groups as they arrive. Memory is bounded by the
 * pieces and the longest line.
 *
 * @throws TextLinesError for what is not UTF-8, for a line that is too long, and for a last line
 *   without its end.
 */
export async function* textLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string[], void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let complete = 0;
  let rest = "";
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new TextLinesError(complete + 1, "this line, or one soon after it, is not UTF-8");
    }
  };
  for await (const chunk of chunks) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    const long = [...lines, rest].findIndex((line) => line.length > maxLineLength);
    if (long >= 0) throw new TextLinesError(complete + long + 1, "it is too long");
    if (lines.length > 0) yield lines;
    complete += lines.length;
  }
  if (rest + decode() !== "") throw new TextLinesError(complete + 1, "it is cut off");
}
