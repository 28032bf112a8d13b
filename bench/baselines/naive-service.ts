import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
  type RecordRequest,
  type RecordResponse,
  RecordResponseSchema,
  type StreamRequest,
  type StreamResponse,
  StreamResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, PrincipalSchema } from "../../gen/audit/v1/entry_pb.ts";
import { NaiveFeed, Waiting } from "./naive-feed.ts";
import { type NaiveFilter, NaiveStore } from "./naive-store.ts";
import { tokenCheck, validate, validTeam } from "./naive-validation.ts";

const noFilter: NaiveFilter = {
  resourceTypes: [],
  resourceIds: [],
  actions: [],
  actorIds: [],
  requestIds: [],
};

/** The naive service's acts, whatever carries them; each checks the `Authorization` header. */
export class NaiveService {
  readonly #store: NaiveStore;
  readonly #feed: NaiveFeed;
  readonly #check: ReturnType<typeof tokenCheck>;

  /** Reads `DATABASE_URL`, `AUTH_JWT_SECRET` and `POOL`, the number of sessions. */
  constructor({ DATABASE_URL = "", AUTH_JWT_SECRET = "", POOL = "" }: NodeJS.ProcessEnv) {
    this.#store = new NaiveStore(DATABASE_URL, Number(POOL));
    this.#check = tokenCheck(AUTH_JWT_SECRET);
    this.#feed = new NaiveFeed(this.#store, (error) => process.stderr.write(`${error}\n`));
  }

  /** Starts to listen for what is inserted. */
  start(): Promise<void> {
    return this.#feed.start();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** One INSERT. */
  async record(request: RecordRequest, authorization: string | null): Promise<RecordResponse> {
    const caller = await this.#check(authorization);
    const valid = validate(request.entry, caller);
    const { sequence, recordTime } = await this.#store.insert(valid);
    return create(RecordResponseSchema, {
      entry: {
        ...(request.entry as AuditEntry),
        id: `log-${valid.id}`,
        sequence,
        recorder: create(PrincipalSchema, valid.recorder),
        recordTime: timestampFromDate(recordTime),
      },
      cursor: String(sequence),
    });
  }

  /** A page: the token is its offset, and the cursor how many rows there are. */
  async list(request: ListRequest, authorization: string | null): Promise<ListResponse> {
    await this.#check(authorization);
    const offset = Number(request.pageToken || 0);
    const size = Math.min(request.pageSize || 50, 200);
    const { entries, total } = await this.#store.list(
      validTeam(request.teamId),
      request.filter ?? noFilter,
      offset,
      size,
    );
    const next = offset + entries.length;
    return create(ListResponseSchema, {
      entries,
      nextPageToken: next < total ? String(next) : "",
      cursor: String(total),
    });
  }

  /** An empty message, then one for each entry that is inserted, until the signal. */
  async *stream(
    request: StreamRequest,
    authorization: string | null,
    signal: AbortSignal,
  ): AsyncGenerator<StreamResponse> {
    await this.#check(authorization);
    const waiting = new Waiting();
    const leave = this.#feed.subscribe(
      validTeam(request.teamId),
      request.filter ?? noFilter,
      (entry) => waiting.push(entry),
    );
    try {
      yield create(StreamResponseSchema);
      while (!signal.aborted) {
        for (const entry of await waiting.take(signal)) {
          yield create(StreamResponseSchema, { entries: [entry], cursor: String(entry.sequence) });
        }
      }
    } finally {
      leave();
    }
  }
}
