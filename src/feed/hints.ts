import { randomUUID } from "node:crypto";
import pg from "pg";
import type { Logger } from "pino";
import { isUuid, type TeamId } from "../ids.ts";
import type { Entry } from "../log/entry.ts";
import type { Queryable } from "../store/pool.ts";

const channel = "annals_feed";
/**
 * Commits of so many milliseconds go out as one hint, and one hint so long after another: while much is
 * recorded, one each 5 ms took a thirtieth of the server's time.
 */
const wait = { firstMs: 5, betweenMs: 25 };
/** Teams in one payload: at 36 + 1 bytes each it stays below PostgreSQL's 8,000 bytes. */
const teamsPerPayload = 200;
const reconnectMs = { least: 100, most: 5_000 };

/** What the hints need of the world. */
export interface HintsOptions {
  readonly connection: pg.ClientConfig;
  readonly db: Queryable;
  readonly logger: Logger;
  /** Another replica has appended to these teams' logs. */
  readonly onHint: (teams: readonly TeamId[]) => void;
  /** Hints may have been missed: the connection is new. */
  readonly onConnected: () => void;
}

/**
 * Tells other replicas of new entries, and hears of theirs, by NOTIFY and LISTEN: outside the
 * write transaction (inside it more than halves the rate) and as no more than a hint, since a
 * lost one only costs a poll's delay.
 */
export class Hints {
  readonly #options: HintsOptions;
  readonly #replica = randomUUID();
  readonly #grown = new Set<TeamId>();
  #timer: NodeJS.Timeout | undefined;
  /** When the next one may go, by `performance.now()`. */
  #nextAt = 0;
  #sending: Promise<unknown> = Promise.resolve();
  #listener: pg.Client | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: HintsOptions) {
    this.#options = options;
    void this.#listen();
  }

  /** Announces entries that were just committed here. */
  announce(entries: readonly Entry[]): void {
    for (const entry of entries) this.#grown.add(entry.teamId);
    if (this.#timer !== undefined) return;
    const now = performance.now();
    const at = Math.max(now + wait.firstMs, this.#nextAt);
    this.#nextAt = at + wait.betweenMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, at - now);
  }

  /** Stops both ways. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    clearTimeout(this.#timer);
    if (this.#timer !== undefined) this.#send();
    await this.#sending;
    await this.#listener?.end();
  }

  #send(): void {
    const grown = [...this.#grown];
    this.#grown.clear();
    const payloads: string[] = [];
    for (let i = 0; i < grown.length; i += teamsPerPayload) {
      payloads.push(`${this.#replica} ${grown.slice(i, i + teamsPerPayload).join(",")}`);
    }
    this.#sending = this.#options.db
      .query({
        name: "hint",
        text: "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
        values: [channel, payloads],
      })
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, "a hint was not sent"));
  }

  async #listen(): Promise<void> {
    const client = new pg.Client({
      ...this.#options.connection,
      application_name: "annals-listen",
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    this.#listener = client;
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, new Error("Connection terminated")));
    client.on("notification", ({ payload }) => this.#receive(payload ?? ""));
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      this.#failures = 0;
      this.#options.onConnected();
    } catch (error) {
      this.#lost(client, error);
    }
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#listener !== client || this.#closed) return;
    this.#listener = undefined;
    this.#options.logger.warn({ err: error }, "the connection for hints was lost");
    client.end().catch(() => undefined); // It is broken already; there is nothing to add.
    const delay = Math.min(reconnectMs.most, reconnectMs.least * 2 ** this.#failures);
    this.#failures += 1;
    this.#reconnect = setTimeout(() => void this.#listen(), delay * (0.5 + Math.random() / 2));
  }

  #receive(payload: string): void {
    const [replica, teams] = payload.split(" ");
    if (replica === this.#replica || teams === undefined) return;
    this.#options.onHint(teams.split(",").filter(isUuid) as TeamId[]);
  }
}
