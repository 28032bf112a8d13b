/** Which values never leave the process: rules, compiled for the walk that encodes metadata. */
import { parsePattern, type Segment } from "./key-path.ts";
import { compileKeyWords, defaultKeyWords } from "./key-words.ts";
import { Places, type RedactionPlace } from "./redaction-places.ts";

/** What stands in the place of a redacted value. */
export const redacted = "[redacted]";

/** Which values to redact. Everything here is about names, never about what the values look like. */
export interface RedactionOptions {
  /**
   * Words that a secret's key has, besides the default ones (password, passwd, pwd, passphrase, token,
   * secret, authorization, cookie, credential, API key, private key, JWT). They are found as words, in any
   * case and notation: `iban` finds `customerIban` and `IBAN_2`.
   */
  readonly keys?: readonly string[];
  /** Whether the default words count; true unless given. */
  readonly defaultKeys?: boolean;
  /**
   * Where secrets are: `headers.authorization`, `*` for any key or element, `**` for any number of levels
   * (`**.ssn`), in any case; `\.` for a dot that is part of a key. They begin at the metadata. Those that
   * begin with `actor`, `resource` or `context` also reach the entry's `actor.name`, `resource.name`,
   * `context.userAgent`, `context.requestId`, `context.traceId` and `context.ipAddress` (left out, since no
   * address would be left).
   */
  readonly paths?: readonly string[];
  /** Exceptions to the words, as paths: `**.token_count`. */
  readonly keep?: readonly string[];
}

/** A text of the entry, outside its metadata, that may be redacted. */
export type RedactedField = (typeof fields)[number];

const fields = [
  "actor.name",
  "resource.name",
  "context.userAgent",
  "context.requestId",
  "context.traceId",
  "context.ipAddress",
] as const;

/** Compiled rules. */
export interface Redaction {
  /** The metadata object itself. */
  readonly root: RedactionPlace;
  /** Whether a text outside the metadata is to be redacted. */
  has(field: RedactedField): boolean;
}

/**
 * Compiles rules. What they say of a key is remembered, so that a key costs a look-up or two.
 *
 * @throws TypeError for a path that is none.
 */
export function compileRedaction(options: RedactionOptions = {}): Redaction {
  const { keys = [], defaultKeys = true, paths = [], keep = [] } = options;
  const rules = [
    ...paths.map((path) => ({ segments: lowerCase(parsePattern(path)), keeps: false })),
    ...keep.map((path) => ({ segments: lowerCase(parsePattern(path)), keeps: true })),
  ];
  const reaching = rules.filter(({ segments: [first], keeps }) => {
    const key = typeof first === "object" ? first.key : "";
    return !keeps && (key === "actor" || key === "resource" || key === "context");
  });
  const outside = new Places(reaching, () => false).root;
  const isRedacted = (field: string) => {
    const [part = "", name = ""] = field.split(".");
    return outside.at(part)?.at(name) === undefined;
  };
  const found = new Set<RedactedField>(fields.filter(isRedacted));
  const hasWord = compileKeyWords([...(defaultKeys ? defaultKeyWords : []), ...keys]);
  return { root: new Places(rules, hasWord).root, has: (field) => found.has(field) };
}

function lowerCase(segments: readonly Segment[]): Segment[] {
  return segments.map((segment) =>
    typeof segment === "object" ? { key: segment.key.toLowerCase() } : segment,
  );
}
