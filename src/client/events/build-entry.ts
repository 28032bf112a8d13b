import { parsePrefixed } from "../../ids.ts";
import { entryLimits } from "../../limits.ts";
import { statuses } from "../../log/entry.ts";
import { textMistake } from "../../log/rules.ts";
import { currentAuditContext } from "../context/audit-context.ts";
import type { NewActor, NewEntry } from "../new-entry.ts";
import type { WaitOptions } from "../recorder/recorder.ts";
import type { CatalogueEvent } from "./catalogue-event.ts";
import { checkMetadata } from "./check-metadata.ts";
import type { EventOptions } from "./typed-events.ts";

/** An entry to record, how long to wait for it, and what was wrong with it, for developers. */
export interface BuiltEntry {
  readonly entry: NewEntry;
  readonly wait: WaitOptions;
  readonly amendments: readonly string[];
}

/** The metadata key under which an entry says what was left out of it. */
export const amendedKey = "amended";

/**
 * The entry of an event with the arguments of its call. Never throws: what is wrong is left out and
 * noted, in the entry's metadata too, since a record with a hole is worth more than none.
 */
export function buildEntry(event: CatalogueEvent, args: readonly unknown[]): BuiltEntry {
  const rest = [...args];
  const notes: string[] = [];
  const amendments: string[] = [];
  const amend = (note: string, explanation = note) => {
    notes.push(note);
    amendments.push(explanation);
  };
  const id = event.id === "none" ? undefined : checkedId(event.id, rest.shift(), amend);
  let metadata: object | undefined;
  if (event.metadata !== undefined) {
    const input = rest.shift();
    const check = checkMetadata(event.metadata, input);
    if (check.fault === undefined) metadata = check.metadata;
    else amend(`metadata: ${check.fault}`, `metadata: ${check.explanation}`);
  }
  const options = rest[0];
  const name = readOption(options, "resourceName", amend);
  const given = readOptions(options, ["id", "teamId", "occurTime", "context", "actor"], amend);
  const status = readOption(options, "status", amend);
  const ended = (statuses as readonly unknown[]).includes(status);
  if (status !== undefined && !ended) amend(`status: must be one of ${statuses.join(", ")}`);
  const actor = given.actor === undefined ? fixedActor(event, id) : undefined;
  const entry = {
    ...given,
    ...(actor === undefined ? {} : { actor }),
    scope: event.scope,
    status: ended ? status : event.status,
    action: event.action,
    resource: {
      type: event.resourceType,
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
    },
    ...metadataWith(notes, metadata),
  };
  return {
    // Options of JavaScript callers may be of any type: the recorder judges them as it does any entry.
    entry: entry as NewEntry,
    wait: readOptions(options, ["timeoutMs", "signal"], amend),
    amendments,
  };
}

/** The id, if it is right; what is not would have the whole entry refused. */
function checkedId(
  kind: Exclude<CatalogueEvent["id"], "none">,
  given: unknown,
  amend: (note: string) => void,
): string | undefined {
  if (given === null) return undefined;
  const id = typeof given === "number" || typeof given === "bigint" ? String(given) : given;
  if (typeof id !== "string" || id === "") {
    amend("resource.id: is missing");
    return undefined;
  }
  const prefix = kind === "name" ? undefined : kind.prefix;
  const mistake =
    prefix !== undefined && parsePrefixed(prefix, id) === undefined
      ? `must be ${prefix}-{uuid} (lower-case and hyphenated)`
      : textMistake(id, entryLimits.textBytes);
  if (mistake === undefined) return id;
  amend(`resource.id: ${mistake}, not ${JSON.stringify(id.slice(0, 100).replaceAll("\0", ""))}`);
  return undefined;
}

type OptionName = keyof (EventOptions & WaitOptions);

function readOptions(
  options: unknown,
  names: readonly OptionName[],
  amend: (note: string) => void,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const name of names) {
    const value = readOption(options, name, amend);
    if (value !== undefined) given[name] = value;
  }
  return given;
}

function readOption(options: unknown, name: OptionName, amend: (note: string) => void): unknown {
  if (typeof options !== "object" || options === null) return undefined;
  try {
    return (options as EventOptions & WaitOptions)[name] ?? undefined;
  } catch {
    // A getter's or a proxy's own error: whose it is shows from the option's name.
    amend(`${name}: cannot be read`);
    return undefined;
  }
}

function fixedActor({ actor, id: kind }: CatalogueEvent, id: string | undefined) {
  if (actor === "system") return { type: "system", id: "system" } satisfies NewActor;
  if (actor !== "self" || id === undefined || typeof kind === "string") return undefined;
  // The context may know the name as well.
  return currentAuditContext()?.actor?.id === id ? undefined : { type: kind.of, id };
}

function metadataWith(notes: readonly string[], metadata: object | undefined) {
  if (notes.length === 0) return metadata === undefined ? {} : { metadata };
  const note = { [amendedKey]: notes.join("; ").replaceAll("\0", "").toWellFormed() };
  try {
    return { metadata: { ...metadata, ...note } };
  } catch {
    // A schema may answer an object with getters that throw; the note is kept.
    return { metadata: note };
  }
}
