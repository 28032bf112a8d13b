/**
 * A small AuditService and KeyService in memory, over real HTTP/2, for tests of the clients: it
 * can be stopped and started on the same port, keeps what was recorded, and misbehaves on request.
 */
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  AuditService,
  ListOrder,
  type ListRequest,
  type StreamRequest,
  type StreamResponse,
  StreamResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, AuditEntrySchema, EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { type ApiKey, ApiKeySchema, KeyService } from "../../gen/audit/v1/key_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { SignedLog } from "../client/signed-log.ts";

/** The team of the token. */
export const TEAM = "team-00000000-0000-4000-8000-000000000001";
/** Another team that the token may use. */
export const OTHER_TEAM = "team-00000000-0000-4000-8000-000000000002";
/** A team that nobody may use. */
export const FORBIDDEN_TEAM = "team-00000000-0000-4000-8000-00000000000f";
/** The token that is accepted at first. */
export const TOKEN = "fake-token";

/** What one stream does instead of what it should. */
export type StreamScript = (
  request: StreamRequest,
  context: HandlerContext,
  fake: FakeService,
) => AsyncIterable<StreamResponse>;

/** The service; entries outlive `stop` and `start`. */
export class FakeService {
  /** All entries in order of arrival. */
  readonly entries: AuditEntry[] = [];
  readonly keys: ApiKey[] = [];
  /** Tokens accepted. */
  readonly tokens = new Set([TOKEN]);
  /** Tokens seen, one a call. */
  readonly tokensSeen: string[] = [];
  readonly listRequests: ListRequest[] = [];
  readonly streamRequests: StreamRequest[] = [];
  /** Each coming stream takes the first and does that. */
  readonly scripts: StreamScript[] = [];
  /** Each coming unary call takes the first and fails with it. */
  readonly failures: ConnectError[] = [];
  /** How many entries a resumed stream across teams sends again. */
  repeatOnResume = 0;
  /** What it gives checkpoints and inclusion proofs of. */
  signed: SignedLog | undefined;
  port = 0;
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  #changed = Promise.withResolvers<void>();

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port as before if there was one. */
  async start(): Promise<this> {
    const server = createServer(connectNodeAdapter({ routes: (router) => this.#routes(router) }));
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Cuts every connection, as a crash would, and stops listening. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    this.cutConnections();
    await closed;
  }

  /** Cuts every connection and goes on listening. */
  cutConnections(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Appends entries, by default with one action after the other, and wakes the streams. */
  append(...inits: Parameters<typeof create<typeof AuditEntrySchema>>[1][]): AuditEntry[] {
    const added = inits.map((init) => this.#append(create(AuditEntrySchema, init)));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return added;
  }

  /** Entries of one team, or all. */
  log(teamId: string | undefined): AuditEntry[] {
    return this.entries.filter((entry) => !teamId || entry.teamId === teamId);
  }

  /** The well-behaved stream, for scripts that misbehave only in part. */
  async *follow(request: StreamRequest, context: HandlerContext): AsyncGenerator<StreamResponse> {
    const team = request.allTeams ? undefined : request.teamId || TEAM;
    let index = this.#startIndex(request, team);
    let first = true;
    while (!context.signal.aborted) {
      const log = this.log(team);
      const entries = log.slice(index).filter((entry) => matches(entry, request));
      const moved = index < log.length;
      index = log.length;
      if (first || moved) yield message(entries, String(index));
      first = false;
      if (request.stopAtHead) return;
      if (this.log(team).length > index) continue;
      const aborted = Promise.withResolvers<void>();
      const wake = () => aborted.resolve();
      context.signal.addEventListener("abort", wake, { once: true });
      await Promise.race([this.#changed.promise, aborted.promise]);
      context.signal.removeEventListener("abort", wake);
    }
  }

  #startIndex({ start, allTeams }: StreamRequest, team: string | undefined): number {
    const log = this.log(team);
    switch (start.case) {
      case "afterCursor": {
        const index = Number(start.value);
        if (!Number.isInteger(index)) {
          throw new ConnectError("the cursor is malformed", Code.InvalidArgument);
        }
        return allTeams ? Math.max(0, index - this.repeatOnResume) : index;
      }
      case "last":
        return Math.max(0, log.length - start.value);
      case "beginning":
      case "fromTime":
        return 0;
      default:
        return log.length;
    }
  }

  #append(entry: AuditEntry): AuditEntry {
    entry.teamId ||= TEAM;
    entry.id ||= `log-${crypto.randomUUID()}`;
    entry.action ||= "create";
    entry.status ||= EntryStatus.SUCCESS;
    entry.scope ||= 1;
    entry.sequence = BigInt(this.log(entry.teamId).length + 1);
    entry.recordTime = timestampFromMs(Date.UTC(2026, 2, 1, 12) + this.entries.length);
    this.entries.push(entry);
    return entry;
  }

  #authorise(context: HandlerContext, teamId = ""): string {
    context.responseHeader.set("x-request-id", "req-from-fake");
    const token = context.requestHeader.get("authorization")?.replace("Bearer ", "") ?? "";
    this.tokensSeen.push(token);
    if (!this.tokens.has(token)) {
      throw new ConnectError("the credential is not valid", Code.Unauthenticated);
    }
    if (teamId === FORBIDDEN_TEAM) {
      throw new ConnectError("not your team", Code.PermissionDenied);
    }
    return teamId || TEAM;
  }

  #unary(context: HandlerContext, teamId?: string): string {
    const team = this.#authorise(context, teamId);
    const failure = this.failures.shift();
    if (failure) throw failure;
    return team;
  }

  #signed(): SignedLog {
    if (this.signed) return this.signed;
    throw new ConnectError("nothing is signed", Code.FailedPrecondition);
  }

  #record(entry: AuditEntry): AuditEntry {
    if (!/^[a-z_.]+$/.test(entry.action)) {
      throw new ConnectError("an invalid entry", Code.InvalidArgument, undefined, [
        {
          desc: BadRequestSchema,
          value: { fieldViolations: [{ field: "entry.action", description: "must be words" }] },
        },
      ]);
    }
    const known = this.entries.find(({ id }) => entry.id !== "" && id === entry.id);
    return known ?? (this.append(entry)[0] as AuditEntry);
  }

  #routes(router: ConnectRouter): void {
    router.service(AuditService, {
      record: ({ entry }, context) => {
        this.#unary(context, entry?.teamId);
        return { entry: this.#record(entry ?? create(AuditEntrySchema)), cursor: "1" };
      },
      recordBatch: ({ entries }, context) => {
        this.#unary(context);
        const results = entries.map((entry) => {
          try {
            return { outcome: { case: "entry" as const, value: this.#record(entry) } };
          } catch (reason) {
            const { code, rawMessage } = ConnectError.from(reason);
            const error = {
              code,
              message: rawMessage,
              reason: ErrorReason.INVALID_FIELD,
              fieldViolations: [{ field: "action", description: "must be words" }],
            };
            return { outcome: { case: "error" as const, value: error } };
          }
        });
        return { results };
      },
      get: ({ teamId, key }, context) => {
        const team = this.#unary(context, teamId);
        const entry = this.log(team).find((each) =>
          key.case === "id" ? each.id === key.value : each.sequence === key.value,
        );
        if (!entry) throw new ConnectError("there is no such entry", Code.NotFound);
        return { entry };
      },
      list: (request, context) => {
        const team = this.#unary(context, request.teamId);
        this.listRequests.push(request);
        const log = this.log(request.allTeams ? undefined : team);
        if (request.order !== ListOrder.OLDEST_FIRST) log.reverse();
        const from = Number(request.pageToken || "0");
        const to = from + Math.min(request.pageSize || 50, 200);
        const entries = log.slice(from, to).filter((entry) => matches(entry, request));
        return { entries, nextPageToken: to < log.length ? String(to) : "", cursor: "0" };
      },
      stream: (request, context) => {
        this.#authorise(context, request.teamId);
        this.streamRequests.push(request);
        const script = this.scripts.shift();
        return script ? script(request, context, this) : this.follow(request, context);
      },
    });
    router.service(ProofService, {
      getCheckpoint: ({ teamId }, context) => {
        this.#unary(context, teamId);
        const { verifierKey } = this.#signed();
        return { checkpoint: this.#signed().checkpoint(), verifierKey };
      },
      getInclusionProof: ({ teamId, key }, context) => {
        this.#unary(context, teamId);
        const sequence = key.case === "sequence" ? key.value : 0n;
        return { ...this.#signed().inclusion(sequence), treeSize: this.#signed().size };
      },
    });
    router.service(KeyService, {
      createApiKey: ({ teamId, name, grants, expireTime }, context) => {
        const team = this.#unary(context, teamId);
        const id = `key-${crypto.randomUUID()}`;
        const createTime = timestampFromMs(Date.UTC(2026, 2, 1));
        const apiKey = create(ApiKeySchema, { id, teamId: team, name, grants, createTime });
        if (expireTime) apiKey.expireTime = expireTime;
        apiKey.secretHint = "annals_Fake";
        this.keys.unshift(apiKey);
        return { apiKey, secret: "annals_FakeSecret" };
      },
      listApiKeys: ({ teamId }, context) => {
        const team = this.#unary(context, teamId);
        return { apiKeys: this.keys.filter((key) => key.teamId === team) };
      },
      revokeApiKey: ({ teamId, id }, context) => {
        this.#unary(context, teamId);
        const apiKey = this.keys.find((key) => key.id === id);
        if (!apiKey) throw new ConnectError("the team has no such key", Code.NotFound);
        apiKey.revokeTime = timestampFromMs(Date.UTC(2026, 2, 2));
        return { apiKey };
      },
    });
  }
}

/** A stream message. */
export function message(entries: AuditEntry[], cursor: string): StreamResponse {
  return create(StreamResponseSchema, { entries, cursor });
}

function matches(entry: AuditEntry, { filter }: ListRequest | StreamRequest): boolean {
  if (!filter) return true;
  const { actions, statuses, exclude } = filter;
  return (
    (actions.length === 0 || actions.includes(entry.action)) &&
    (statuses.length === 0 || statuses.includes(entry.status)) &&
    !exclude?.actions.includes(entry.action)
  );
}
