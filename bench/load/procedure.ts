import type { Header } from "./hpack.ts";

/** The protocols that can be called. */
export type Protocol = "connect" | "grpc";

/** A procedure to call, prepared once for all calls. */
export interface Procedure {
  readonly protocol: Protocol;
  readonly streams: boolean;
  readonly headers: readonly Header[];
}

/** How a procedure is called. */
export interface Calling {
  readonly protocol: Protocol;
  readonly token: string;
  readonly streams?: boolean;
  /** Whether the answer may be packed by gzip; of unary calls by Connect alone. */
  readonly acceptGzip?: boolean;
}

/** Prepares calls of a procedure. `path` without the first slash: `audit.v1.AuditService/Record`. */
export function procedure(
  url: string,
  path: string,
  { protocol, token, streams = false, acceptGzip = false }: Calling,
): Procedure {
  // Unary calls state a deadline, as generated clients do that were given one.
  const own: Header[] =
    protocol === "grpc"
      ? [
          ["content-type", "application/grpc+proto"],
          ["te", "trailers"],
          ...(streams ? [] : [["grpc-timeout", "30S"] as const]),
        ]
      : [
          ["content-type", streams ? "application/connect+proto" : "application/proto"],
          ["connect-protocol-version", "1"],
          ...(acceptGzip ? [["accept-encoding", "gzip"] as const] : []),
          ...(streams ? [] : [["connect-timeout-ms", "30000"] as const]),
        ];
  return {
    protocol,
    streams,
    headers: [
      [":method", "POST"],
      [":scheme", "http"],
      [":authority", new URL(url).host],
      [":path", `/${path}`],
      ["user-agent", "annals-bench"],
      ["authorization", `Bearer ${token}`],
      ...own,
    ],
  };
}
