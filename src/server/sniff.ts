import type { Socket } from "node:net";

/** What every HTTP/2 connection begins with (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Reads the first bytes of a connection until they are the HTTP/2 preface or differ from it, puts
 * them back, and calls `decided` once, which must give the socket to a server's `connection`
 * event at once. A connection that leaves it open for `timeoutMs` is destroyed.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  decided: (protocol: "http1" | "http2") => void,
): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const stopTimer = (): void => clearTimeout(timer);
  socket.once("close", stopTimer);

  let seen: Buffer = Buffer.alloc(0);
  socket.on("data", function onData(chunk: Buffer) {
    seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const alike = seen.compare(preface, 0, length, 0, length) === 0;
    if (alike && length < preface.length) return;

    stopTimer();
    socket.off("close", stopTimer);
    socket.off("data", onData);
    // Paused, so that the bytes put back wait for the server's listeners.
    socket.pause();
    socket.unshift(seen);
    decided(alike ? "http2" : "http1");
    // An HTTP/2 session reads them by itself and takes the rest from the handle.
    if (!alike) socket.resume();
  });
}
