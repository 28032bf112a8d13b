/** The calls of a client, on Node and in browsers. */
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  AuditService,
  type GetResponse,
  type RecordResponse,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { KeyService } from "../../gen/audit/v1/key_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { authorizedTransport } from "./authorized-transport.ts";
import type { AuditClientOptions } from "./client-options.ts";
import { type EntryJson, entryToJson } from "./entry-json.ts";
import { type EntryPage, type ListQuery, listEntries, listPage, type PageQuery } from "./list.ts";
import { defaultRedaction } from "./metadata/redact.ts";
import { compileRedaction } from "./metadata/redaction.ts";
import type { EntryIdText, NewEntry, TeamIdText } from "./new-entry.ts";
import { type EntrySurroundings, newEntryMessage } from "./new-entry-message.ts";
import { type TailQuery, tailEntries } from "./tail-entries.ts";

/** Which entry: by its id, or by its position in the team's log. */
export interface EntryKey {
  /** The credential's own team unless given. */
  readonly teamId?: TeamIdText | undefined;
  readonly id?: EntryIdText | undefined;
  /** From 1; a bigint or decimal text beyond 2^53 - 1. */
  readonly sequence?: number | bigint | string | undefined;
}

/** For one call. */
export interface CallOptions {
  /** Ends the call when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The deadline in milliseconds, instead of the client's. */
  readonly timeoutMs?: number | undefined;
}

/**
 * What a client can do: with plain objects and short words, and with all that the protocol has.
 *
 * Calls fail with ConnectError, and `reasonOf` tells the server's reason; with TypeError or
 * EntryJsonError for arguments that make no sense. They are not repeated.
 */
export interface AuditCalls {
  /**
   * Records one entry, redacted, and waits until the database has committed it. To be sure of it through
   * failures, call again with the same `id`; better, use a recorder, which does.
   */
  record(entry: NewEntry, options?: CallOptions): Promise<EntryJson>;
  /** One entry. NOT_FOUND if there is none, or it may not be read. */
  get(key: EntryKey, options?: CallOptions): Promise<EntryJson>;
  /** The entries of a log, newest first unless asked otherwise, in pages that are read as needed. */
  list(query?: ListQuery): AsyncIterable<EntryJson>;
  /** One page, to show with a button for the next. */
  listPage(query?: PageQuery): Promise<EntryPage>;
  /**
   * Follows a log: the entries from the start on, then new ones as they are committed. Reconnects with
   * backoff, goes on after what it has delivered, fetches a fresh token for each connection and drops
   * what comes again. Leaving the loop, or `return`, ends it at once; the signal, after the message in hand.
   *
   * Fails with ConnectError when trying again cannot mend it: UNAUTHENTICATED when the authorisation has
   * ended (after one more try where `token` is a function and the last one had expired),
   * PERMISSION_DENIED, OUT_OF_RANGE and DATA_LOSS for a position that the log no longer has.
   */
  tail(query?: TailQuery): AsyncIterableIterator<EntryJson>;
  /** Entries, with the messages of the protocol. */
  readonly audit: Client<typeof AuditService>;
  /** API keys. */
  readonly keys: Client<typeof KeyService>;
  /** Checkpoints and proofs. */
  readonly proofs: Client<typeof ProofService>;
}

/**
 * The calls over a transport, with the credential and the deadline of the options. `around` is asked for
 * what an entry to record leaves out.
 */
export function auditCalls(
  transport: Transport,
  options: AuditClientOptions,
  around?: () => EntrySurroundings,
): AuditCalls {
  const authorized = authorizedTransport(transport, options);
  const audit = createClient(AuditService, authorized);
  const renewsCredential = typeof options.token === "function";
  const redaction = options.redact ? compileRedaction(options.redact) : defaultRedaction();
  return {
    audit,
    keys: createClient(KeyService, authorized),
    proofs: createClient(ProofService, authorized),
    record: async (given, call) => {
      const entry = newEntryMessage(given, around?.(), redaction);
      return plain(await audit.record({ entry }, callOptions(call)));
    },
    get: async (key, call) =>
      plain(await audit.get({ teamId: key.teamId ?? "", key: wireKey(key) }, callOptions(call))),
    list: (query = {}) => listEntries(audit, query),
    listPage: (query = {}) => listPage(audit, query),
    tail: (query = {}) => tailEntries(audit, query, renewsCredential),
  };
}

function callOptions({ signal, timeoutMs }: CallOptions = {}) {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

function plain({ entry }: RecordResponse | GetResponse): EntryJson {
  if (entry) return entryToJson(entry);
  throw new ConnectError("the answer has no entry", Code.Internal);
}

function wireKey({ id, sequence }: EntryKey) {
  if ((id === undefined) === (sequence === undefined)) {
    throw new TypeError("id, sequence: give one");
  }
  if (id !== undefined) return { case: "id", value: id } as const;
  if (!/^[1-9]\d{0,18}$/.test(String(sequence))) {
    throw new TypeError("sequence: must be a number above 0");
  }
  return { case: "sequence", value: BigInt(String(sequence)) } as const;
}
