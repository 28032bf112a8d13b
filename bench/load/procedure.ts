import type { Header } from "./hpack.ts";

/** The protocols that can be called. */
export type Protocol = "connect" | "grpc";

/** A procedure to call, prepared once for all calls. */
export interface Procedure {
  readonly protocol: Protocol;
  readonly streams: boolean;
  readonly headers: readonly Header[];
}

/** Prepares calls of a procedure. `path` without the first slash: `audit.v1.AuditService/Record`. */
export function procedure(
  url: string,
  path: string,
  { protocol, token, streams = false }: { protocol: Protocol; token: string; streams?: boolean },
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
