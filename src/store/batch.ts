import pg from "pg";
import { columnTypes, type Queryable } from "./pool.ts";

/**
 * Sends the statements that `ask` asks for in one write, with a single Sync behind them, and waits for all.
 * With `behind` they are sent at once though the session is busy with others sent so, and run after them.
 * Outside of a transaction they are one. If one fails, those after it are not run, this throws its error,
 * and the session is good for nothing but to be closed. Each must have a name.
 *
 * Those asked of `arrived` run in their place, but have arrived before the first one runs: a lock that it
 * takes is then not held while the rest is on its way, should this process freeze. They must be writes, which
 * look at the database when they run; what a query sees is settled when it arrives. A transaction takes one
 * batch of them, whose portals it keeps.
 *
 * The driver puts a Sync behind every statement, pipelined ones too. At each PostgreSQL writes what it has
 * to answer and is woken for the next statement, and this process is woken for each answer: a fifth of what a
 * transaction of one entry took here, and a quarter of what it took there.
 */
export async function inOneGo<T extends readonly Promise<unknown>[]>(
  session: pg.PoolClient,
  ask: (db: Queryable, arrived: Queryable) => readonly [...T],
  behind = false,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const batch = new Batch();
  const answers = Promise.all(ask(batch.inTurn, batch.arrived));
  // Should the driver throw, nobody will wait for them.
  answers.catch(() => {});
  if (behind) batch.sendAhead(session.connection);
  session.query(batch);
  return answers;
}

/** What the driver's own query does with messages; its types do not have it. */
interface Statement extends pg.Query {
  submit: (connection: pg.Connection) => Error | null;
  handleRowDescription(message: unknown): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: pg.Connection): void;
  handleReadyForQuery(connection: pg.Connection): void;
  handleError(error: Error, connection: pg.Connection): void;
}

/** To the driver, one query: its messages go on to the statement that is being answered. */
class Batch implements pg.Submittable {
  readonly inTurn: Queryable = { query: (config) => this.#query(config, "") };
  readonly arrived: Queryable = {
    query: (config) => this.#query(config, `arrived-${this.#statements.length}`),
  };
  readonly #statements: Statement[] = [];
  #answered = 0;
  #sent = false;
  #failure: Error | undefined;
  /** The driver's, which counts the time until it is called. */
  callback?: (error?: Error) => void;

  #query<Row extends pg.QueryResultRow>(
    config: pg.QueryConfig,
    portal: string,
  ): Promise<pg.QueryResult<Row>> {
    const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult<Row>>();
    const all = { ...config, types: columnTypes, portal };
    const statement = new pg.Query<Row>(all, (error, result) => {
      this.#failure ??= error;
      if (error) reject(error);
      else resolve(result);
    });
    this.#statements.push(statement as Statement);
    return promise;
  }

  /** Sends all if it can be, before the driver asks for it: answers come in the order of what was sent. */
  sendAhead(connection: pg.Connection): void {
    this.#sent = connection.stream.writable && this.submit(connection) === null;
  }

  /** Sends all, or nothing if one cannot be sent, and returns why. */
  submit(connection: pg.Connection): Error | null {
    if (this.#sent) return null;
    const arriving: Uint8Array[] = [];
    const running: Uint8Array[] = [];
    let messages = arriving;
    const { writable } = connection.stream;
    const write = (message: Uint8Array) => messages.push(message);
    // Not assigned to the collector's properties: V8 allocates functions that are in the old space.
    const parse: pg.Connection["parse"] = (...given) => {
      messages = arriving;
      connection.parse.apply(collector, given);
    };
    const bind: pg.Connection["bind"] = (...given) => {
      messages = given[0]?.portal === "" ? running : arriving;
      connection.bind.apply(collector, given);
    };
    const describe: pg.Connection["describe"] = (...given) => {
      messages = running;
      connection.describe.apply(collector, given);
    };
    const collector: pg.Connection = Object.create(connection, {
      stream: { value: { writable, write, cork() {}, uncork() {} } },
      sync: { value() {} },
      parse: { value: parse },
      bind: { value: bind },
      describe: { value: describe },
    });
    for (const statement of this.#statements) {
      // Of values that cannot be sent the statement hears by itself.
      const error = statement.submit(collector) ?? this.#failure;
      if (error) return error;
    }
    connection.stream.cork();
    for (const message of arriving) connection.stream.write(message);
    for (const message of running) connection.stream.write(message);
    connection.sync();
    connection.stream.uncork();
    return null;
  }

  handleRowDescription(message: unknown): void {
    this.#statement.handleRowDescription(message);
  }

  handleDataRow(message: unknown): void {
    this.#statement.handleDataRow(message);
  }

  handleCommandComplete(message: unknown, connection: pg.Connection): void {
    this.#statement.handleCommandComplete(message, connection);
    this.#answered += 1;
  }

  handleReadyForQuery(connection: pg.Connection): void {
    // Taken out, as the driver's time-out may keep this until a full collection (docs/decisions/0024).
    for (const statement of this.#statements.splice(0)) statement.handleReadyForQuery(connection);
    this.callback?.();
  }

  handleError(error: Error, connection: pg.Connection): void {
    for (const statement of this.#statements) statement.handleError(error, connection);
    this.callback?.(error);
  }

  get #statement(): Statement {
    const statement = this.#statements[this.#answered];
    if (statement === undefined) throw new Error("more answers came than statements were sent");
    return statement;
  }
}
