import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import type { PGlite } from "@electric-sql/pglite";

/** A Unix socket at which PGlite can be reached. */
export interface SingleSessionServer {
  /** Resolves with why, if the database breaks (WebAssembly aborts, a session cannot be reset). */
  readonly failed: Promise<Error>;
  /** Ends the session and stops listening. */
  close(): Promise<void>;
}

/** How long a client waits for the one before it to go, shorter than drivers' own limits. */
const TURN_WITHIN_MS = 3_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const SSL_REQUEST = 80_877_103;
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4);
const QUERY = 0x51;
const TERMINATE = 0x58;
const READY = 0x5a;
const READY_BYTES = 6;

/**
 * Lets ordinary drivers speak to PGlite, whose one backend is one session: one client at a time.
 * The next waits until the one before it has gone and its session is as new (transaction rolled
 * back, settings, prepared statements and advisory locks discarded), which makes reconnecting
 * safe; after 3 s it is refused with SQLSTATE 53300.
 *
 * Not `@electric-sql/pglite-socket`: it interleaves the messages of its clients in that one
 * session, leaves a client's prepared statements, locks and settings to the next, refuses a
 * client that reconnects before it has noticed the old one's end, and hangs after a failure.
 */
export async function serveSingleSession(
  database: PGlite,
  path: string,
): Promise<SingleSessionServer> {
  const failure = Promise.withResolvers<Error>();
  const sockets = new Set<Socket>();
  let turn = Promise.resolve();

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // What a broken socket means is seen where it is read.
    socket.on("error", () => undefined);
    const patience = setTimeout(() => refuse(socket), TURN_WITHIN_MS);
    turn = turn
      .then(() => {
        clearTimeout(patience);
        if (!socket.writable) return;
        return converse(database, socket).finally(() => socket.destroy());
      })
      .catch((error: unknown) => {
        failure.resolve(error instanceof Error ? error : new Error(inspect(error)));
        // Whoever comes next is refused rather than served by a broken database.
        return new Promise<never>(() => undefined);
      });
  });
  server.listen(path);
  await once(server, "listening");

  return {
    failed: failure.promise,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.race([turn, failure.promise]);
    },
  };
}

async function converse(database: PGlite, socket: Socket): Promise<void> {
  let extended = false;
  for await (const message of messages(socket)) {
    const type = message[0];
    if (type === TERMINATE) break;
    let tail: Buffer = Buffer.alloc(0);
    await database.execProtocolRawStream(message, {
      onRawData: (data) => {
        // Copied, since the bytes are PGlite's buffer.
        const copy = Buffer.from(data);
        tail = Buffer.concat([tail, copy.subarray(-READY_BYTES)]).subarray(-READY_BYTES);
        if (socket.writable) socket.write(copy);
      },
    });
    // PGlite swallows what kills PostgreSQL (a FATAL error, a WebAssembly trap) and answers nothing.
    if (type === SYNC[0] || (type === QUERY && !extended)) {
      if (!isReadyForQuery(tail)) throw new Error("PostgreSQL did not complete a statement");
    }
    extended = type !== SYNC[0] && type !== QUERY && type !== 0;
    await drained(socket);
  }
  await resetSession(database);
}

function isReadyForQuery(tail: Buffer): boolean {
  return tail.length === READY_BYTES && tail[0] === READY && tail.readUInt32BE(1) === 5;
}

async function drained(socket: Socket): Promise<void> {
  if (!socket.writableNeedDrain) return;
  const settled = new AbortController();
  await Promise.race(
    ["drain", "close"].map((event) => once(socket, event, settled).catch(() => undefined)),
  );
  settled.abort();
}

/** The client may have gone anywhere: in a transaction, before its Sync, after an error. */
async function resetSession(database: PGlite): Promise<void> {
  // Before Sync, which would commit a statement that its client never completed.
  await database.exec("ROLLBACK");
  database.execProtocolRawSync(SYNC);
  await database.exec("ROLLBACK");
  await database.exec("DISCARD ALL");
}

/** Cuts what a client sends into protocol messages, the first of which has no type byte. */
async function* messages(socket: Socket): AsyncGenerator<Uint8Array> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wanted = 8;
  let started = false;
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < wanted) continue;
      let buffer = pending.length === 1 ? chunk : Buffer.concat(pending);
      for (;;) {
        const lengthAt = started ? 1 : 0;
        wanted = started ? 5 : 8;
        if (buffer.length < wanted) break;
        wanted = lengthAt + buffer.readUInt32BE(lengthAt);
        if (wanted < lengthAt + 4 || wanted > MAX_MESSAGE_BYTES) return;
        if (buffer.length < wanted) break;
        const message = buffer.subarray(0, wanted);
        buffer = buffer.subarray(wanted);
        if (!started && message.readUInt32BE(4) === SSL_REQUEST) {
          socket.write("N");
          continue;
        }
        started = true;
        yield message;
      }
      pending = [buffer];
      pendingBytes = buffer.length;
    }
  } catch (error) {
    // Reading fails when the connection breaks, which ends the session like any other end.
    if (!socket.destroyed) throw error;
  }
}

function refuse(socket: Socket): void {
  const fields = [
    "SFATAL",
    "VFATAL",
    "C53300",
    "Mthe embedded database has one session, and another client has it",
  ];
  const body = Buffer.from(`${fields.join("\0")}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeUInt32BE(body.length + 4, 1);
  socket.end(Buffer.concat([head, body]));
}
