/** The types of a catalogue that records: they follow from its definitions. */
import type { defaultPrefixes } from "../../ids.ts";
import type { EntryJson } from "../entry-json.ts";
import type {
  EntryIdText,
  NewActor,
  NewRequestContext,
  StatusWord,
  TeamIdText,
} from "../new-entry.ts";
import type { WaitOptions } from "../recorder/recorder.ts";
import type { EventDefinition, EventDefinitions, PrefixChanges } from "./event-definition.ts";
import type { WordsOf } from "./event-words.ts";
import type { SchemaInput, StandardSchema } from "./standard-schema.ts";

/** What one call says besides the event itself. All of it may be left out. */
export interface EventOptions {
  /** The log that it belongs to; otherwise the context's team, or the credential's. */
  readonly teamId?: TeamIdText | undefined;
  /** Who did it; stands over the context's actor and the event's. */
  readonly actor?: NewActor | undefined;
  /** How it ended, if not as usual: `error` when it failed. */
  readonly status?: StatusWord | undefined;
  /** The resource's name, for people to read; at most 256 bytes. */
  readonly resourceName?: string | undefined;
  /** The request in which it happened; stands over the surrounding one, value by value. */
  readonly context?: NewRequestContext | undefined;
  /** When it happened; now unless given. */
  readonly occurTime?: Date | undefined;
  /** The entry's id, if it must be the same each time that this is recorded; a new one unless given. */
  readonly id?: EntryIdText | undefined;
}

/** Records one kind of event. */
export interface EventRecorder<
  Arguments extends readonly unknown[],
  WaitArguments extends readonly unknown[],
> {
  /** Records that it happened and returns at once; never throws, as `Recorder.record`. */
  (...event: Arguments): void;
  /** The same for who must know what becomes of it, as `Recorder.recordAndWait`. */
  andWait(...event: WaitArguments): Promise<EntryJson>;
}

/** The events of a catalogue, ready to be recorded: `audit.sandbox.create(…)`. */
export type TypedEvents<Events extends EventDefinitions, Changes extends PrefixChanges> = {
  readonly [Resource in keyof Events]: {
    readonly [Name in keyof Events[Resource]]: EventRecorder<
      EventArguments<Resource & string, Events[Resource][Name], Changes, EventOptions>,
      EventArguments<Resource & string, Events[Resource][Name], Changes, EventOptions & WaitOptions>
    >;
  };
};

type EventArguments<
  Resource extends string,
  Definition extends EventDefinition,
  Changes extends PrefixChanges,
  Options,
> = Definition extends { readonly id: "none" }
  ? AfterId<Definition, Options>
  : [
      /** `null`, if it has none: what failed to be created. */
      id: ResourceId<Resource, Definition, Changes> | null,
      ...AfterId<Definition, Options>,
    ];

type AfterId<Definition extends EventDefinition, Options> = Definition extends {
  readonly metadata: infer Schema extends StandardSchema<unknown, object>;
}
  ? Record<never, never> extends SchemaInput<Schema>
    ? [metadata?: SchemaInput<Schema>, options?: Options]
    : [metadata: SchemaInput<Schema>, options?: Options]
  : [options?: Options];

/** `sb-${string}` for a type with a prefix, any text for another. */
type ResourceId<
  Resource extends string,
  Definition extends EventDefinition,
  Changes extends PrefixChanges,
> = Definition extends { readonly id: "name" }
  ? string
  : Definition extends { readonly id: { readonly of: infer Type extends string } }
    ? IdOf<Type, Changes>
    : IdOf<WordsOf<Resource>, Changes>;

type IdOf<Type extends string, Changes extends PrefixChanges> =
  PrefixOf<Type, Changes> extends infer Prefix extends string ? `${Prefix}-${string}` : string;

type PrefixOf<Type extends string, Changes extends PrefixChanges> = Type extends keyof Changes
  ? Changes[Type]
  : Type extends keyof typeof defaultPrefixes
    ? (typeof defaultPrefixes)[Type]
    : null;
