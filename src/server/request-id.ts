import { randomUUID } from "node:crypto";

/** Where a call's request id comes and is answered. */
export const requestIdHeader = "x-request-id";

/** The caller's own if it is printable ASCII, of 256 characters at most, else a new UUID. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && /^[\x20-\x7e]{1,256}$/.test(given) ? given : newUuid();
}

const text = Buffer.alloc(36);

/** A random UUID. Node's is a tree of 20 strings, 450 bytes as long as it is kept; this is one. */
function newUuid(): string {
  text.write(randomUUID(), "latin1");
  return text.toString("latin1");
}
