/** The fields of the query line: what each is called, takes, and is in the API's filter. */
import { actorTypes, scopes, statuses } from "../../client/words.ts";

/** The fields that a term can name. */
export type QueryField =
  | "actor"
  | "actor_type"
  | "action"
  | "resource"
  | "type"
  | "status"
  | "scope"
  | "request"
  | "since"
  | "until"
  | "occurred_since"
  | "occurred_until";

/** Fields that take a time. */
export type TimeField = "since" | "until" | "occurred_since" | "occurred_until";
/** Fields that take values, of which any may match. */
export type ListField = Exclude<QueryField, TimeField>;

/** What is known of a field. */
interface FieldNotes {
  /** For people. Example: `Resource type` */
  readonly label: string;
  /** What it is about, in a few words. */
  readonly hint: string;
  /** All that it takes; absent if it takes any text. */
  readonly words?: readonly string[];
}

/** Every field, in the order in which they are offered. */
export const queryFields: Readonly<Record<QueryField, FieldNotes>> = {
  action: { label: "Action", hint: "what was done" },
  actor: { label: "Actor", hint: "who did it, by id" },
  resource: { label: "Resource", hint: "what it was done to, by id" },
  type: { label: "Resource type", hint: "the kind of thing it was done to" },
  status: { label: "Status", hint: "how it ended", words: statuses.words },
  since: { label: "Since", hint: "recorded then or later" },
  until: { label: "Until", hint: "recorded before then" },
  actor_type: { label: "Actor type", hint: "the kind of actor", words: actorTypes.words },
  scope: { label: "Scope", hint: "who may read it", words: scopes.words },
  request: { label: "Request", hint: "the request's id" },
  occurred_since: { label: "Happened since", hint: "as the caller says" },
  occurred_until: { label: "Happened until", hint: "as the caller says" },
};

/** What each field that takes values is in the API's filter. */
export const listFields = {
  actor: "actorIds",
  actor_type: "actorTypes",
  action: "actions",
  resource: "resourceIds",
  type: "resourceTypes",
  status: "statuses",
  scope: "scopes",
  request: "requestIds",
} as const satisfies Readonly<Record<ListField, string>>;

/** What each field that takes a time is in the API's filter. */
export const timeFields = {
  since: ["recordTime", "from"],
  until: ["recordTime", "to"],
  occurred_since: ["occurTime", "from"],
  occurred_until: ["occurTime", "to"],
} as const satisfies Readonly<Record<TimeField, readonly [string, "from" | "to"]>>;

/** Whether a text names a field. */
export function isQueryField(text: string): text is QueryField {
  return Object.hasOwn(queryFields, text);
}

/** Whether a field takes a time. */
export function isTimeField(field: QueryField): field is TimeField {
  return Object.hasOwn(timeFields, field);
}

/** Other names that people reach for. */
const otherNames: Readonly<Record<string, QueryField>> = {
  actions: "action",
  actor_id: "actor",
  user: "actor",
  who: "actor",
  actors: "actor",
  resource_id: "resource",
  id: "resource",
  resource_type: "type",
  kind: "type",
  request_id: "request",
  level: "status",
  outcome: "status",
  from: "since",
  after: "since",
  to: "until",
  before: "until",
};

/** The field that a text is another name of. */
export function otherNameOf(name: string): QueryField | undefined {
  const lower = name.toLowerCase();
  if (isQueryField(lower)) return lower;
  return Object.hasOwn(otherNames, lower) ? otherNames[lower] : undefined;
}

/** The field that somebody may have meant: one that the text names, or that begins like it. */
export function likelyField(name: string): QueryField | undefined {
  const beginning = name.toLowerCase().slice(0, 3);
  const alike = Object.keys(queryFields)
    .filter(isQueryField)
    .find((field) => beginning.length === 3 && field.startsWith(beginning));
  return otherNameOf(name) ?? alike;
}
