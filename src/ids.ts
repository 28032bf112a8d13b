/**
 * Prefixed string ids and the UUIDs in them. `team-{uuid}` on the wire is a UUID in the
 * database; a polymorphic id (`actor.id`, `resource.id`) is kept as the text that was sent,
 * because its leaf hash must not change when the registry does.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A team's UUID, lower-case and hyphenated, without prefix. */
export type TeamId = Branded<"TeamId">;
/** An entry's UUID, lower-case and hyphenated, without prefix. */
export type EntryId = Branded<"EntryId">;
/** An API key's UUID, lower-case and hyphenated, without prefix. */
export type ApiKeyId = Branded<"ApiKeyId">;

/** The team of shared resources and of the platform's own acts. */
export const platformTeamId = "00000000-0000-0000-0000-000000000000" as TeamId;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Types of things and the prefix of their ids. */
export type PrefixRegistry = ReadonlyMap<string, string>;

/** The prefixes known without configuration, by type. */
export const defaultPrefixes = {
  sandbox: "sb",
  user: "usr",
  team: "team",
  api_key: "key",
  host: "host",
  log: "log",
} as const satisfies Readonly<Record<string, string>>;

/** Types whose ids are UUIDs in the database, so that their prefixes cannot be loosened. */
const fixedTypes = ["team", "api_key", "log"];

/**
 * Makes the registry from the defaults and a configuration's changes: a prefix for a type, or
 * `null` for a type whose ids are opaque.
 *
 * @throws Error naming the type, for a malformed type or prefix, a prefix used twice, or a
 *   change to `team`, `api_key` or `log`.
 */
export function createPrefixRegistry(
  changes: Readonly<Record<string, string | null>> = {},
): PrefixRegistry {
  const registry = new Map<string, string>(Object.entries(defaultPrefixes));
  for (const [type, prefix] of Object.entries(changes)) {
    if (fixedTypes.includes(type)) throw new Error(`the prefix of "${type}" cannot be changed`);
    if (!/^[a-z][a-z0-9_.]*$/.test(type)) throw new Error(`"${type}" is not a type`);
    if (prefix === null) registry.delete(type);
    else if (/^[a-z][a-z0-9]*$/.test(prefix)) registry.set(type, prefix);
    else throw new Error(`"${prefix}" is not a prefix (lower-case letters and digits)`);
  }
  if (new Set(registry.values()).size < registry.size) {
    throw new Error("two types have the same prefix");
  }
  return registry;
}

/** Whether the text is a lower-case, hyphenated UUID. Any version, the all-zero one included. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** The UUID in `{prefix}-{uuid}`, or undefined if the text is anything else. */
export function parsePrefixed(prefix: string, text: string): string | undefined {
  if (!text.startsWith(`${prefix}-`)) return undefined;
  const uuid = text.slice(prefix.length + 1);
  return isUuid(uuid) ? uuid : undefined;
}

/** The UUID in `team-{uuid}`, or undefined. */
export function parseTeamId(text: string): TeamId | undefined {
  return parsePrefixed("team", text) as TeamId | undefined;
}

/** `team-{uuid}`. */
export function formatTeamId(id: TeamId): string {
  return `team-${id}`;
}

/** The UUID in `log-{uuid}`, or undefined. */
export function parseEntryId(text: string): EntryId | undefined {
  return parsePrefixed("log", text) as EntryId | undefined;
}

/** `log-{uuid}`. */
export function formatEntryId(id: EntryId): string {
  return `log-${id}`;
}

/** The UUID in `key-{uuid}`, or undefined. */
export function parseApiKeyId(text: string): ApiKeyId | undefined {
  return parsePrefixed("key", text) as ApiKeyId | undefined;
}

/** `key-{uuid}`. */
export function formatApiKeyId(id: ApiKeyId): string {
  return `key-${id}`;
}

/**
 * What is wrong with a polymorphic id of a type, or undefined if nothing is: a registered type's
 * id must carry its prefix, any other is opaque.
 */
export function describeIdMistake(
  registry: PrefixRegistry,
  type: string,
  id: string,
): string | undefined {
  const prefix = registry.get(type);
  if (prefix === undefined || parsePrefixed(prefix, id) !== undefined) return undefined;
  return `must be ${prefix}-{uuid} (lower-case and hyphenated) for type ${type}`;
}
