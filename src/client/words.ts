/**
 * The short words of the SDK, the CLI and NDJSON (`team`, `success`, `api_key`) and the enums of
 * the wire, both ways. The words are the enum values' names without their prefix, in lower case.
 */
import type { DescEnum } from "@bufbuild/protobuf";
import {
  type ActorType,
  ActorTypeSchema,
  type DetailsState,
  DetailsStateSchema,
  type EntryScope,
  EntryScopeSchema,
  type EntryStatus,
  EntryStatusSchema,
} from "../../gen/audit/v1/entry_pb.ts";
import { type ApiKeyGrant, ApiKeyGrantSchema } from "../../gen/audit/v1/key_service_pb.ts";

/** A word that is none of the allowed ones; the message lists those. */
export class UnknownWordError extends Error {
  override readonly name = "UnknownWordError";
}

/** One enum's words. */
export interface Vocabulary<E extends number> {
  /** What the words are called in messages. Example: `actor type` */
  readonly subject: string;
  /** All words, in the order of the wire's numbers, without the unspecified one. */
  readonly words: readonly string[];
  /**
   * The word of a value: undefined for the unspecified one, the number as text for one that this
   * client does not know yet.
   */
  word(value: E): string | undefined;
  /** The value of a word; throws UnknownWordError. */
  value(word: string): E;
}

/** Words for the kinds of actor. */
export const actorTypes = vocabulary<ActorType>("actor type", ActorTypeSchema);
/** Words for who may read an entry. */
export const scopes = vocabulary<EntryScope>("scope", EntryScopeSchema);
/** Words for how an action ended. */
export const statuses = vocabulary<EntryStatus>("status", EntryStatusSchema);
/** Words for what has become of an entry's details. */
export const detailsStates = vocabulary<DetailsState>("details state", DetailsStateSchema);
/** Words for what an API key may do. */
export const apiKeyGrants = vocabulary<ApiKeyGrant>("grant", ApiKeyGrantSchema);

function vocabulary<E extends number>(subject: string, desc: DescEnum): Vocabulary<E> {
  const prefix = desc.sharedPrefix ?? "";
  const byNumber = new Map<number, string>();
  const byWord = new Map<string, number>();
  for (const { name, number } of desc.values) {
    if (number === 0) continue;
    const word = name.toLowerCase().slice(prefix.length);
    byNumber.set(number, word);
    byWord.set(word, number);
  }
  const words = [...byWord.keys()];
  return {
    subject,
    words,
    word: (value) => (value === 0 ? undefined : (byNumber.get(value) ?? String(value))),
    value(word) {
      const number = byWord.get(word);
      if (number === undefined) {
        throw new UnknownWordError(
          `unknown ${subject} ${JSON.stringify(word)}: must be one of ${words.join(", ")}`,
        );
      }
      return number as E;
    },
  };
}
