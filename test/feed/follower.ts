import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { AuditService, StreamRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";

/** Where to start, what to follow: the request without what the follower sets itself. */
export type Follow = MessageInitShape<typeof StreamRequestSchema>;

const PATIENCE_MS = 20_000;

/** Reads a stream in the background and keeps all that comes. Dispose cancels it. */
export class Follower implements AsyncDisposable {
  readonly entries: AuditEntry[] = [];
  /** How many messages came, heartbeats among them. */
  messages = 0;
  /** The last cursor that came, after which a next follower goes on. */
  cursor = "";
  /** Resolves when the stream is over, with its error if it had one. */
  readonly ended: Promise<ConnectError | undefined>;
  readonly #cancel = new AbortController();
  #arrived = Promise.withResolvers<void>();

  constructor(audit: Client<typeof AuditService>, request: Follow) {
    this.ended = this.#read(audit, request).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );
  }

  async #read(audit: Client<typeof AuditService>, request: Follow): Promise<void> {
    for await (const message of audit.stream(request, { signal: this.#cancel.signal })) {
      this.entries.push(...message.entries);
      this.messages += 1;
      this.cursor = message.cursor;
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    }
  }

  /**
   * Resolves when what has come so far is enough.
   *
   * @throws Error when the stream ends before that, or 20 s have passed.
   */
  async until(enough: (follower: Follower) => boolean): Promise<void> {
    const late = AbortSignal.timeout(PATIENCE_MS);
    const gaveUp = new Promise<void>((resolve) =>
      late.addEventListener("abort", () => resolve(), { once: true }),
    );
    const over = this.ended.then((error) => ({ error }));
    while (!enough(this)) {
      const end = await Promise.race([over, this.#arrived.promise, gaveUp]);
      if (enough(this)) return;
      if (end) throw new Error("the stream ended early", { cause: end.error });
      if (late.aborted) throw new Error(`waited in vain; ${this.entries.length} entries came`);
    }
  }

  /** Resolves when the stream has begun, so that what is recorded from now on will come. */
  begun(): Promise<void> {
    return this.until(({ messages }) => messages > 0);
  }

  /** Leaves, as a client does. */
  async stop(): Promise<void> {
    this.#cancel.abort();
    const error = await this.ended;
    if (error !== undefined && error.code !== Code.Canceled) throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel.abort();
    await this.ended;
  }
}

/** The sequences of entries, as numbers. */
export function sequences(entries: readonly { sequence: bigint }[]): number[] {
  return entries.map(({ sequence }) => Number(sequence));
}

/** 1, 2, … n. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}
