/** The filter of `list` and `tail`, from flags that can be given several times. */
import { type Command, InvalidArgumentError } from "commander";
import type { EntryFilter, FilterFields, TimeRange } from "../client/entry-filter.ts";
import { actorTypes, scopes, statuses, type Vocabulary } from "../client/words.ts";
import { parseTime } from "./time.ts";

type Fields = Exclude<keyof FilterFields, "recordTime" | "occurTime">;

/** Each flag, and its twin with `--exclude-` before it: the field, what it takes, its words. */
const flags: readonly [flag: string, field: Fields, value: string, words?: Vocabulary<number>][] = [
  ["actor", "actorIds", "id"],
  ["actor-type", "actorTypes", "type", actorTypes as Vocabulary<number>],
  ["action", "actions", "action"],
  ["resource-type", "resourceTypes", "type"],
  ["resource", "resourceIds", "id"],
  ["scope", "scopes", "scope", scopes as Vocabulary<number>],
  ["status", "statuses", "status", statuses as Vocabulary<number>],
  ["request-id", "requestIds", "id"],
];

/** Adds the filter's flags to a command. */
export function withFilter(command: Command): Command {
  for (const exclude of [false, true]) {
    for (const [flag, , value, words] of flags) {
      const name = exclude ? `exclude-${flag}` : flag;
      const what = `${exclude ? "leave out" : "only"} this ${flag.replace("-", " ")}`;
      const choice = words ? ` (${words.words.join(", ")})` : "";
      const parse = (text: string, previous: unknown[] | undefined) => [
        ...(previous ?? []),
        words ? knownWord(words, text) : text,
      ];
      command.option(`--${name} <${value}>`, `${what}${choice}; repeatable`, parse);
    }
  }
  return command
    .option("--occurred-since <time>", "only what happened at this time or later", parseTime)
    .option("--occurred-until <time>", "only what happened before this time", parseTime);
}

/**
 * The filter that the parsed flags describe; undefined if they describe none. `recordTime` is in
 * milliseconds: entries recorded from `since` up to but not including `until`.
 */
export function filterOf(
  options: Readonly<Record<string, unknown>>,
  recordTime: { since?: number | undefined; until?: number | undefined } = {},
): EntryFilter | undefined {
  const exclude = fieldsOf(options, "exclude-");
  const filter = {
    ...fieldsOf(options, ""),
    ...range("recordTime", recordTime.since, recordTime.until),
    ...range("occurTime", options.occurredSince, options.occurredUntil),
    ...(Object.keys(exclude).length > 0 && { exclude }),
  };
  return Object.keys(filter).length > 0 ? filter : undefined;
}

function fieldsOf(options: Readonly<Record<string, unknown>>, prefix: string): FilterFields {
  const given = flags.flatMap(([flag, field]) => {
    const values = options[camelCase(prefix + flag)];
    return values === undefined ? [] : [[field, values]];
  });
  return Object.fromEntries(given) as FilterFields;
}

function range(name: string, from: unknown, to: unknown): Record<string, TimeRange> {
  const bounds = Object.entries({ from, to }).flatMap(([bound, ms]) =>
    typeof ms === "number" ? [[bound, new Date(ms)]] : [],
  );
  return bounds.length === 0 ? {} : { [name]: Object.fromEntries(bounds) };
}

/** A word's value as an option's parser: commander reports what is wrong with which flag. */
export function wordValue<E extends number>(words: Vocabulary<E>, text: string): E {
  if (words.words.includes(text)) return words.value(text);
  throw new InvalidArgumentError(`It must be one of ${words.words.join(", ")}.`);
}

function knownWord(words: Vocabulary<number>, text: string): string {
  wordValue(words, text);
  return text;
}

function camelCase(flag: string): string {
  return flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
