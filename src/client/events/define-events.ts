/** Typed events: what a platform audits, as one catalogue. */
import type { EntryJson } from "../entry-json.ts";
import { type EventSink, tellAmended } from "./amended.ts";
import { type BuiltEntry, buildEntry } from "./build-entry.ts";
import { type CatalogueEvent, catalogueEvents } from "./catalogue-event.ts";
import type { EventDefinitions, KnownProperties, PrefixChanges } from "./event-definition.ts";
import { type JsonSchemaOptions, jsonSchemaOf } from "./json-schema.ts";
import { type MarkdownOptions, markdownOf } from "./markdown.ts";
import type { TypedEvents } from "./typed-events.ts";

/** A platform's events. */
export interface EventCatalogue<
  Events extends EventDefinitions,
  Changes extends PrefixChanges = Record<never, never>,
> {
  /** All events, in the order of their definitions. */
  readonly events: readonly CatalogueEvent[];
  /**
   * The events as functions that record: `audit.sandbox.create(sandboxId, { template })`. They never
   * throw. An id or metadata that is wrong at run time is left out; the entry is recorded all the same,
   * with a note under the metadata key `amended`, and the recorder's `amended` listeners are told.
   *
   * @throws TypeError if it is given no recorder.
   */
  recordTo(recorder: EventSink): TypedEvents<Events, Changes>;
  /** The catalogue as a page for people: a table of all events. The same text each time. */
  toMarkdown(options?: MarkdownOptions): string;
  /** A JSON Schema (draft 2020-12) of the entries as plain JSON (`EntryJson`). The same each time. */
  toJsonSchema(options?: JsonSchemaOptions): Record<string, unknown>;
}

/**
 * Defines events by resource and name.
 *
 * `prefixes` changes which types have ids with a prefix, as the server's configuration does.
 *
 * @throws TypeError naming the event, for a definition that cannot be recorded or whose schema is
 *   asynchronous; Error for wrong prefixes. So a mistake shows when the program starts.
 */
export function defineEvents<
  const Events extends EventDefinitions,
  const Changes extends PrefixChanges = Record<never, never>,
>(
  definitions: Events & KnownProperties<Events>,
  options: { readonly prefixes?: Changes } = {},
): EventCatalogue<Events, Changes> {
  const byResource = catalogueEvents(definitions, options.prefixes ?? {});
  const events = [...byResource.values()].flatMap((group) => [...group.values()]);
  return {
    events,
    recordTo(recorder) {
      // Now, and not when the first event happens.
      if (typeof recorder?.record !== "function") throw new TypeError("recordTo: needs a recorder");
      const groups = Array.from(byResource, ([resource, group]) => [
        resource,
        Object.freeze(
          Object.fromEntries(
            Array.from(group, ([name, event]) => [name, eventRecorder(event, recorder)]),
          ),
        ),
      ]);
      return Object.freeze(Object.fromEntries(groups)) as TypedEvents<Events, Changes>;
    },
    toMarkdown: (markdown) => markdownOf(events, markdown),
    toJsonSchema: (schema) => jsonSchemaOf(events, schema),
  };
}

function eventRecorder(event: CatalogueEvent, recorder: EventSink) {
  const tell = ({ amendments }: BuiltEntry) => {
    if (amendments.length === 0) return;
    const message = `${event.name}: ${amendments.join("; ")}`;
    recorder[tellAmended]?.({ action: event.action, message });
  };
  const record = (...args: readonly unknown[]): void => {
    const built = buildEntry(event, args);
    recorder.record(built.entry);
    tell(built);
  };
  const andWait = async (...args: readonly unknown[]): Promise<EntryJson> => {
    const built = buildEntry(event, args);
    const answer = recorder.recordAndWait(built.entry, built.wait);
    tell(built);
    return await answer;
  };
  return Object.freeze(Object.assign(record, { andWait }));
}
