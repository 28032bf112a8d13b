/** Which entries, in short words. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { EntryFilterSchema, TimeRangeSchema } from "../../gen/audit/v1/entry_pb.ts";
import type { ActorTypeWord, ScopeWord, StatusWord } from "./new-entry.ts";
import { actorTypes, scopes, statuses, type Vocabulary } from "./words.ts";

/** From its start up to but not including its end; at least one bound. */
export interface TimeRange {
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/**
 * Within a field any value matches, and every given field must; an empty field is as if not given. At most
 * 100 values in all.
 */
export interface FilterFields {
  readonly resourceTypes?: readonly string[] | undefined;
  readonly resourceIds?: readonly string[] | undefined;
  readonly actions?: readonly string[] | undefined;
  readonly actorIds?: readonly string[] | undefined;
  readonly actorTypes?: readonly ActorTypeWord[] | undefined;
  readonly scopes?: readonly ScopeWord[] | undefined;
  readonly statuses?: readonly StatusWord[] | undefined;
  /** Of `context.requestId`; erased details match none. */
  readonly requestIds?: readonly string[] | undefined;
  /** When it was recorded. */
  readonly recordTime?: TimeRange | undefined;
  /** When it happened; entries that do not say so do not match. */
  readonly occurTime?: TimeRange | undefined;
}

/** Which entries: those that match, without those that match any field of `exclude`. */
export interface EntryFilter extends FilterFields {
  readonly exclude?: FilterFields | undefined;
}

/** A filter that is none; the message starts with the field. */
export class EntryFilterError extends TypeError {
  override readonly name = "EntryFilterError";
}

type FilterInit = Exclude<MessageInitShape<typeof EntryFilterSchema>, { $typeName: string }>;

const textFields = ["resourceTypes", "resourceIds", "actions", "actorIds", "requestIds"] as const;
const wordFields = { actorTypes, scopes, statuses };
const timeFields = ["recordTime", "occurTime"] as const;
const known: ReadonlySet<string> = new Set([
  ...textFields,
  ...Object.keys(wordFields),
  ...timeFields,
  "exclude",
]);

/**
 * The filter for the wire; undefined for one that matches everything.
 *
 * @throws EntryFilterError for a field or a word that is not known: passed over, it would match more.
 */
export function filterMessage(filter: EntryFilter | undefined): FilterInit | undefined {
  if (filter === undefined) return undefined;
  const message = fieldsMessage(filter, "filter");
  if (filter.exclude !== undefined) {
    message.exclude = fieldsMessage(filter.exclude, "filter.exclude");
    if ("exclude" in filter.exclude) fail("filter.exclude.exclude", "is not known");
  }
  return Object.keys(message).length > 0 ? message : undefined;
}

function fieldsMessage(filter: FilterFields, path: string): FilterInit {
  if (typeof filter !== "object" || filter === null) fail(path, "must be an object");
  for (const name of Object.keys(filter))
    if (!known.has(name)) fail(`${path}.${name}`, "is not known");
  const message: FilterInit = {};
  for (const name of textFields) {
    const values = filter[name];
    if (values !== undefined) message[name] = texts(values, `${path}.${name}`);
  }
  const words = <E extends number>(name: keyof typeof wordFields, vocabulary: Vocabulary<E>) =>
    texts(filter[name] ?? [], `${path}.${name}`).map((word) =>
      vocabulary.words.includes(word)
        ? vocabulary.value(word)
        : fail(`${path}.${name}`, `must be of ${vocabulary.words.join(", ")}`),
    );
  if (filter.actorTypes !== undefined) message.actorTypes = words("actorTypes", actorTypes);
  if (filter.scopes !== undefined) message.scopes = words("scopes", scopes);
  if (filter.statuses !== undefined) message.statuses = words("statuses", statuses);
  for (const name of timeFields) {
    const range = filter[name];
    if (range !== undefined) message[name] = rangeMessage(range, `${path}.${name}`);
  }
  return message;
}

function texts(values: unknown, path: string): string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string"))
    return [...values];
  return fail(path, "must be an array of strings");
}

function rangeMessage(range: TimeRange, path: string): MessageInitShape<typeof TimeRangeSchema> {
  if (typeof range !== "object" || range === null) fail(path, "must be an object");
  const message: Exclude<MessageInitShape<typeof TimeRangeSchema>, { $typeName: string }> = {};
  for (const name of Object.keys(range)) {
    if (name !== "from" && name !== "to") fail(`${path}.${name}`, "is not known");
  }
  if (range.from !== undefined) message.from = timestamp(range.from, `${path}.from`);
  if (range.to !== undefined) message.to = timestamp(range.to, `${path}.to`);
  return message;
}

function timestamp(time: unknown, path: string) {
  const ms = time instanceof Date ? time.getTime() : Number.NaN;
  return Number.isNaN(ms) ? fail(path, "must be a valid Date") : timestampFromMs(ms);
}

function fail(path: string, what: string): never {
  throw new EntryFilterError(`${path}: ${what}`);
}
