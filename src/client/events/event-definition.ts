import type { ScopeWord, StatusWord } from "../new-entry.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** One kind of thing that happens to a resource. */
export interface EventDefinition {
  /** Its action in the log; the event's own name in words (`markedDown`: `marked_down`) unless given. */
  readonly action?: string;
  /** Who may read it; `team` unless given. */
  readonly scope?: ScopeWord;
  /** How it ended; `success` unless given. A call may say otherwise: `error`, when it failed. */
  readonly status?: StatusWord;
  /**
   * The shape of its metadata: any synchronous Standard Schema of an object. What the schema answers is
   * recorded: defaults filled in, unknown keys as the library has it. An event without one has no
   * metadata.
   */
  readonly metadata?: StandardSchema<unknown, object>;
  /**
   * Who did it, whatever the surrounding context says: the platform itself (`system`), or the very user,
   * API key or service that is the resource (`self`).
   */
  readonly actor?: "system" | "self";
  /**
   * What identifies the resource, if not an id of its own type:
   * - `name`: a plain name;
   * - `none`: nothing, since the resource is a list or the only one;
   * - `{ of: "user" }`: the id of something of another type.
   */
  readonly id?: "name" | "none" | { readonly of: string };
  /** What it means, for those who read the catalogue. */
  readonly description?: string;
}

/**
 * Events by resource and name, as TypeScript spells them: `apiKey` is the resource type `api_key` in the
 * log, `markedDown` the action `marked_down`.
 */
export type EventDefinitions = Readonly<Record<string, Readonly<Record<string, EventDefinition>>>>;

/**
 * Changes to the registered prefixes, as in the server's configuration: a prefix for a type of the
 * platform's own (`{ volume: "vol" }`), or `null` for one whose ids are opaque text.
 */
export type PrefixChanges = Readonly<Record<string, string | null>>;

/** Refuses at compile time what a definition does not have: a misspelt property would be ignored. */
export type KnownProperties<Events> = {
  readonly [Resource in keyof Events]: {
    readonly [Name in keyof Events[Resource]]: {
      readonly [Property in Exclude<keyof Events[Resource][Name], keyof EventDefinition>]: never;
    };
  };
};
