import { setTimeout as delay } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { StreamRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { Http2Connection, type OpenStream } from "../load/http2-connection.ts";
import { procedure } from "../load/procedure.ts";
import { eachSequence, Messages } from "./delivered.ts";

/** Whom to subscribe to. */
export interface SubscribersOptions {
  readonly url: string;
  readonly tokens: readonly string[];
  /** The team's UUID. */
  readonly team: string;
  readonly count: number;
  /** Streams on a connection; as a rule one, as of as many programs. Default 1. */
  readonly perConnection?: number;
  /** Whether entries must come in the order of their sequences, from 1. Default true. */
  readonly inOrder?: boolean;
  /** Hears of each entry when its bytes are read: milliseconds of `performance.now()`. */
  readonly onEntry?: (sequence: number, now: number) => void;
}

/** What one subscriber has got. */
interface Received {
  messages: number;
  entries: number;
  sum: number;
  stream: OpenStream | undefined;
}

const patienceMs = 120_000;
const streamPath = "audit.v1.AuditService/Stream";

/** Subscribers of one team's log over Connect, binary; they count what comes and check it. */
export class Subscribers implements AsyncDisposable {
  readonly #received: Received[] = [];
  readonly #connections: Http2Connection[] = [];
  #problem: string | undefined;

  /** Subscribes all and waits until each has its first message. */
  static async open(options: SubscribersOptions): Promise<Subscribers> {
    const subscribers = new Subscribers();
    const { url, tokens, count, perConnection = 1, inOrder = true } = options;
    const request = toBinary(
      StreamRequestSchema,
      create(StreamRequestSchema, { teamId: `team-${options.team}` }),
    );
    for (let i = 0; i < count; i++) {
      if (i % perConnection === 0) {
        // So that a server is not asked for more at once than it lets wait.
        if (i % 100 === 0) await subscribers.#begun();
        subscribers.#connections.push(await Http2Connection.open(url));
      }
      const token = tokens[i % tokens.length] as string;
      const called = procedure(url, streamPath, { protocol: "connect", token, streams: true });
      const received: Received = { messages: 0, entries: 0, sum: 0, stream: undefined };
      subscribers.#received.push(received);
      const messages = new Messages((bytes, from, to) => {
        received.messages++;
        const now = performance.now();
        eachSequence(bytes, from, to, (sequence) => {
          received.entries++;
          if (inOrder && sequence !== received.entries) {
            subscribers.#problem ??= `entry ${sequence} came as the ${received.entries}th`;
          }
          received.sum += sequence;
          options.onEntry?.(sequence, now);
        });
      });
      received.stream = subscribers.#connections.at(-1)?.stream(called, request, {
        onData: (chunk) => messages.add(chunk),
        onEnd: (problem) => {
          subscribers.#problem ??= `a stream has ended: ${problem}`;
        },
      });
    }
    await subscribers.#begun();
    return subscribers;
  }

  /** Messages of all of them, first ones and heartbeats included. */
  get messages(): number {
    return this.#received.reduce((sum, { messages }) => sum + messages, 0);
  }

  /**
   * Waits until every one has got all the entries from 1 to `size`, each once.
   *
   * @throws Error if that is not so in two minutes, or a stream has ended.
   */
  async allHave(size: number): Promise<void> {
    await this.#until(({ entries }) => entries >= size, `${size} entries`);
    if (this.#problem !== undefined) throw new Error(this.#problem);
    const sum = (size * (size + 1)) / 2;
    for (const received of this.#received) {
      if (received.entries === size && received.sum === sum) continue;
      throw new Error(`a subscriber got ${received.entries} entries, not 1 to ${size} once each`);
    }
  }

  #begun(): Promise<void> {
    return this.#until(({ messages }) => messages > 0, "a first message");
  }

  async #until(enough: (received: Received) => boolean, what: string): Promise<void> {
    for (const deadline = performance.now() + patienceMs; !this.#received.every(enough); ) {
      if (this.#problem !== undefined) throw new Error(this.#problem);
      const lacking = this.#received.filter((received) => !enough(received)).length;
      if (performance.now() > deadline) throw new Error(`${lacking} subscribers lack ${what}`);
      await delay(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stream } of this.#received) stream?.cancel();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
