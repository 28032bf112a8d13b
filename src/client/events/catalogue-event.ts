import { createPrefixRegistry, type PrefixRegistry } from "../../ids.ts";
import { entryLimits } from "../../limits.ts";
import { scopes, statuses } from "../../log/entry.ts";
import { wordsMistake } from "../../log/rules.ts";
import type { ScopeWord, StatusWord } from "../new-entry.ts";
import type { EventDefinition, EventDefinitions, PrefixChanges } from "./event-definition.ts";
import { wordsOf } from "./event-words.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** An event with everything that its definition left out filled in. */
export interface CatalogueEvent {
  /** How it is called. Example: `apiKey.revoke` */
  readonly name: string;
  /** Example: `api_key` */
  readonly resourceType: string;
  readonly action: string;
  readonly scope: ScopeWord;
  readonly status: StatusWord;
  readonly actor?: "system" | "self";
  /** What identifies the resource: a name, nothing, or an id of a type and its prefix, if it has one. */
  readonly id: "name" | "none" | { readonly of: string; readonly prefix?: string };
  readonly metadata?: StandardSchema<unknown, object>;
  readonly description?: string;
}

const properties: Record<keyof EventDefinition, true> = {
  action: true,
  scope: true,
  status: true,
  metadata: true,
  actor: true,
  id: true,
  description: true,
};

/** Types of resource that can act. */
const actorTypes = ["user", "api_key", "service"];

/**
 * The events that the definitions describe, in their order.
 *
 * @throws TypeError naming the event and what is wrong with it; Error for wrong prefixes.
 */
export function catalogueEvents(
  definitions: EventDefinitions,
  changes: PrefixChanges,
): ReadonlyMap<string, ReadonlyMap<string, CatalogueEvent>> {
  const prefixes = createPrefixRegistry(changes);
  return new Map(
    Object.entries(definitions).map(([resource, events]) => [
      resource,
      new Map(
        Object.entries(events).map(([name, definition]) => [
          name,
          catalogueEvent(resource, name, definition, prefixes),
        ]),
      ),
    ]),
  );
}

function catalogueEvent(
  resource: string,
  key: string,
  definition: EventDefinition,
  prefixes: PrefixRegistry,
): CatalogueEvent {
  const name = `${resource}.${key}`;
  const refuse = (what: string): never => {
    throw new TypeError(`event ${name}: ${what}`);
  };
  for (const property of Object.keys(definition)) {
    if (!Object.hasOwn(properties, property)) refuse(`there is no property "${property}"`);
  }
  const { scope = "team", status = "success", actor, metadata, description } = definition;
  const resourceType = wordsOf(resource);
  const action = definition.action ?? wordsOf(key);
  for (const [what, words] of Object.entries({ resource: resourceType, action })) {
    const mistake = wordsMistake(words, entryLimits.textBytes);
    if (mistake !== undefined) refuse(`${what} "${words}" ${mistake}`);
  }
  if (!scopes.includes(scope)) refuse(`scope must be one of ${scopes.join(", ")}`);
  if (!statuses.includes(status)) refuse(`status must be one of ${statuses.join(", ")}`);
  const id = idOf(definition, resourceType, prefixes, refuse);
  if (actor !== undefined && actor !== "system" && actor !== "self") {
    refuse('actor must be "system" or "self"');
  }
  if (actor === "self" && (typeof id === "string" || !actorTypes.includes(id.of))) {
    refuse(`actor "self" needs the id of one of ${actorTypes.join(", ")}`);
  }
  if (metadata !== undefined) {
    const mistake = schemaMistake(metadata);
    if (mistake !== undefined) refuse(`metadata ${mistake}`);
  }
  return {
    name,
    resourceType,
    action,
    scope,
    status,
    id,
    ...(actor === undefined ? {} : { actor }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(description === undefined ? {} : { description: String(description) }),
  };
}

function idOf(
  { id }: EventDefinition,
  resourceType: string,
  prefixes: PrefixRegistry,
  refuse: (what: string) => never,
): CatalogueEvent["id"] {
  const ownPrefix = prefixes.get(resourceType);
  if (id === "none") return id;
  if (id !== undefined && id !== "name" && typeof id.of !== "string") {
    refuse('id must be "name", "none" or { of: type }');
  }
  const of = id === undefined ? resourceType : id === "name" ? undefined : id.of;
  const prefix = of === undefined ? undefined : prefixes.get(of);
  if (ownPrefix !== undefined && prefix !== ownPrefix) {
    refuse(`the server takes no other ids for ${resourceType} than ${ownPrefix}-{uuid}`);
  }
  return of === undefined ? "name" : { of, ...(prefix === undefined ? {} : { prefix }) };
}

/** What makes a schema unfit to check metadata while the caller waits. */
function schemaMistake(schema: StandardSchema<unknown, object>): string | undefined {
  const standard = schema["~standard"];
  if (standard?.version !== 1 || typeof standard.validate !== "function") {
    return "must be a Standard Schema (version 1)";
  }
  let answer: unknown;
  try {
    answer = standard.validate({});
  } catch {
    // It may insist on what an empty object lacks; what it throws later is caught and told then.
    return undefined;
  }
  if (!(answer instanceof Promise)) return undefined;
  answer.catch(() => undefined);
  // zod also answers with a promise where a refinement throws.
  return "must be a synchronous schema, and not throw for {}: record does not wait";
}
