/** The clients of a program that runs on Node: one HTTP/2 connection for all calls. */
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { KeyService } from "../../gen/audit/v1/key_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";

/** Where to call, and as whom. */
export interface AuditClientOptions {
  /** The server's address; `http` is spoken as h2c. Example: `http://127.0.0.1:8080` */
  baseUrl: string;
  /** A JWT or an API key for the `Authorization` header; a function is asked on every call. */
  token?: string | (() => string | Promise<string>);
  /** An API key for the `X-API-Key` header. */
  apiKey?: string;
  /** The deadline of unary calls in milliseconds; 30,000 unless given. Streams have none. */
  timeoutMs?: number;
  /** Called before every call, after the credential is set. */
  interceptors?: Interceptor[];
}

/** The clients, sharing a connection that `close` ends. */
export interface AuditClient extends Disposable {
  audit: Client<typeof AuditService>;
  keys: Client<typeof KeyService>;
  proofs: Client<typeof ProofService>;
  /** Closes the connection; calls and streams still open fail with CANCELED. */
  close(): void;
}

/** The largest answer accepted, in bytes: above any page or Stream message the server sends. */
const readMaxBytes = 8 * 1024 * 1024;

/** Creates the clients; connects with the first call. Throws TypeError for a bad `baseUrl`. */
export function createAuditClient(options: AuditClientOptions): AuditClient {
  const sessionManager = new Http2SessionManager(options.baseUrl, {
    // A peer that vanished without a FIN is noticed in 15 s instead of when TCP gives up.
    pingIntervalMs: 10_000,
    pingTimeoutMs: 5_000,
  });
  const connect = createConnectTransport({
    baseUrl: options.baseUrl,
    httpVersion: "2",
    sessionManager,
    readMaxBytes,
    defaultTimeoutMs: options.timeoutMs ?? 30_000,
    interceptors: [credential(options), ...(options.interceptors ?? [])],
  });
  const transport: Transport = {
    unary: connect.unary.bind(connect),
    // The default deadline would end streams too; 0 means none.
    stream: (method, signal, timeoutMs, ...rest) =>
      connect.stream(method, signal, timeoutMs ?? 0, ...rest),
  };
  const close = () => sessionManager.abort();
  return {
    audit: createClient(AuditService, transport),
    keys: createClient(KeyService, transport),
    proofs: createClient(ProofService, transport),
    close,
    [Symbol.dispose]: close,
  };
}

function credential({ token, apiKey }: AuditClientOptions): Interceptor {
  return (next) => async (request) => {
    if (apiKey !== undefined) request.header.set("X-API-Key", apiKey);
    if (token !== undefined) {
      const value = typeof token === "string" ? token : await token();
      request.header.set("Authorization", `Bearer ${value}`);
    }
    return next(request);
  };
}
