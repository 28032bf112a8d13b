/** Reading a stream line by line, in the groups in which it arrives. */

/** A line of input and its number, from 1. */
export interface InputLine {
  number: number;
  /** The line without its end; undefined if it was longer than the limit and thrown away. */
  text: string | undefined;
}

/**
 * The lines of UTF-8 text. Each group holds the lines that one chunk completed, so that input that
 * comes slowly is handled at once and input that comes fast in large groups. A line above
 * `maxBytes` comes as undefined; memory is bounded by that and the chunk.
 */
export async function* lineGroups(
  input: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<InputLine[], void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 0;
  const line = (end: Buffer): InputLine => {
    number += 1;
    const bytes = restBytes + end.length;
    const text = bytes > maxBytes ? undefined : Buffer.concat([...rest, end]).toString("utf8");
    rest = [];
    restBytes = 0;
    return { number, text: text?.replace(/\r$/, "") };
  };
  for await (const chunk of input) {
    const group: InputLine[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      group.push(line(chunk.subarray(from, end)));
      from = end + 1;
    }
    if (restBytes <= maxBytes) rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (group.length > 0) yield group;
  }
  if (restBytes > 0) yield [line(Buffer.alloc(0))];
}
