import { randomBytes, randomUUID } from "node:crypto";
import {
  type Client,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
} from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { SignJWT } from "jose";
import { AccessService } from "../../gen/audit/v1/access_service_pb.ts";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { KeyService } from "../../gen/audit/v1/key_service_pb.ts";
import { loadConfig } from "../../src/config.ts";
import { createLogger } from "../../src/logger.ts";
import type { ServerOverrides } from "../../src/server/overrides.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { fastLane } from "./fast-lane.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";

/**
 * The ways in which the generated clients call: those of `node-` over HTTP/2, those of `web-` with
 * `fetch` over HTTP/1.1 as a browser does, and `node-get` with HTTP GET for the calls that allow it.
 */
export const transports = [
  "node-connect-json",
  "node-connect-binary",
  "node-get",
  "node-grpc",
  "node-grpc-web",
  "web-connect",
  "web-grpc-web",
] as const;
export type TransportName = (typeof transports)[number];

/** Generated clients that send one credential (or none) over one transport. */
export interface TestClients {
  readonly audit: Client<typeof AuditService>;
  readonly keys: Client<typeof KeyService>;
  readonly access: Client<typeof AccessService>;
  readonly transport: Transport;
}

/** What a JWT says. Ids are on-the-wire ids; `expiresIn` is seconds, negative for expired. */
export interface TestClaims {
  readonly role: "member" | "admin" | "owner" | "service" | "platform_admin";
  readonly teamId?: string;
  /** By default a new `usr-{uuid}`, for a service `billing`. */
  readonly sub?: string;
  readonly name?: string;
  readonly grants?: readonly string[];
  readonly expiresIn?: number;
}

export interface TestServerOptions {
  /** A database shared with the test; without it the server gets one of its own. */
  readonly database?: Pick<TestDatabase, "url">;
  /** Runs the embedded default in this directory instead. */
  readonly dataDir?: string;
  /** Environment variables over the test's defaults; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly overrides?: ServerOverrides;
  /** 32 characters at least; servers that share it accept the same JWTs. */
  readonly secret?: string;
}

/** A server in this process, with all that a test needs to talk to it. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly running: RunningServer;
  /** Superuser's URL of its database; empty for the embedded default. */
  readonly databaseUrl: string;
  /** All log lines so far, as they are written: one JSON object each. */
  readonly logs: readonly string[];
  /** Clients that send a JWT or an API key; sessions are closed with the server. */
  clients(credential?: string, transport?: TransportName): TestClients;
  /** Mints a JWT that the server accepts and, if it has the fast lane, has met: it is for those. */
  jwt(claims: TestClaims): Promise<string>;
  /** Closes clients, server and its own database. */
  close(): Promise<void>;
}

/** `team-{uuid}`, `usr-{uuid}` and so on, new. */
export function newId(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

/** Starts a server on a free port. Use `await using`. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  await using cleanup = new AsyncDisposableStack();
  const embedded = options.dataDir !== undefined;
  const own = embedded || options.database ? undefined : cleanup.use(await createDatabase());
  const databaseUrl = embedded ? "" : (options.database ?? own)?.url;
  const secret = options.secret ?? randomBytes(24).toString("hex");
  const config = loadConfig({
    PORT: "0",
    LOG_LEVEL: "debug",
    DATABASE_URL: databaseUrl,
    DATA_DIR: options.dataDir,
    AUTH_JWT_SECRET: secret,
    AUTH_CLOCK_TOLERANCE_SECONDS: "0",
    FAST_LANE: fastLane,
    ...options.env,
  });
  const logs: string[] = [];
  const logger = createLogger(config.logLevel, {
    write: (line) => {
      logs.push(line);
    },
  });
  const running = await startServer(config, logger, options.overrides);
  cleanup.defer(() => running.close());
  const sessions = cleanup.adopt([] as node.Http2SessionManager[], (all) => {
    for (const session of all) session.abort();
  });
  const access = createClient(
    AccessService,
    openTransport(running.url, "node-connect-binary", undefined, sessions),
  );
  const owned = cleanup.move();
  const close = (): Promise<void> => owned.disposeAsync();
  return {
    url: running.url,
    running,
    databaseUrl: databaseUrl ?? "",
    logs,
    clients: (credential, name = "node-connect-binary") => {
      const transport = openTransport(running.url, name, credential, sessions);
      return {
        audit: createClient(AuditService, transport),
        keys: createClient(KeyService, transport),
        access: createClient(AccessService, transport),
        transport,
      };
    },
    jwt: async (claims) => {
      const token = await mint(claims, secret);
      if (config.fastLane) await introduce(token, access);
      return token;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openTransport(
  baseUrl: string,
  name: TransportName,
  credential: string | undefined,
  sessions: node.Http2SessionManager[],
): Transport {
  const authorize: Interceptor = (next) => (request) => {
    if (credential !== undefined) request.header.set("authorization", `Bearer ${credential}`);
    return next(request);
  };
  const interceptors = [authorize];
  if (name === "web-connect") return web.createConnectTransport({ baseUrl, interceptors });
  if (name === "web-grpc-web") return web.createGrpcWebTransport({ baseUrl, interceptors });

  const sessionManager = new node.Http2SessionManager(baseUrl);
  sessions.push(sessionManager);
  const options = { baseUrl, interceptors, sessionManager, httpVersion: "2" } as const;
  switch (name) {
    case "node-connect-json":
      return node.createConnectTransport({ ...options, useBinaryFormat: false });
    case "node-connect-binary":
      return node.createConnectTransport({ ...options, useBinaryFormat: true });
    case "node-get":
      return node.createConnectTransport({ ...options, useHttpGet: true });
    case "node-grpc":
      return node.createGrpcTransport(options);
    case "node-grpc-web":
      return node.createGrpcWebTransport(options);
  }
}

/** Makes a call with the token. Whatever is wrong with it, the test's own calls are told too. */
async function introduce(token: string, to: Client<typeof AccessService>): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  await to.getCaller({}, { headers }).catch(ConnectError.from);
}

function mint(claims: TestClaims, secret: string): Promise<string> {
  const { role, teamId, name, grants, expiresIn = 3_600 } = claims;
  const sub = claims.sub ?? (role === "service" ? "billing" : newId("usr"));
  return new SignJWT({ role, name, team_id: teamId, grants })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
    .sign(Buffer.from(secret));
}
