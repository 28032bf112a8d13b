/** Serves the dashboard: the files that `src/dashboard/build.ts` has built and compressed. */
import { existsSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import send from "@fastify/send";
import Negotiator from "negotiator";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-handler.ts";
import { securityHeaders } from "./security-headers.ts";

/** Where the build goes. */
export const dashboardDirectory = fileURLToPath(new URL("../dashboard/dist", import.meta.url));

/** What {@link dashboardRoutes} needs. */
export interface DashboardOptions {
  /** What was built: `index.html`, and in `assets` files that are named by a hash of themselves. */
  directory: string;
  /** Whether the port speaks TLS. */
  tls: boolean;
  /** Answers whatever is not the dashboard's. */
  fallback: HttpHandler;
  /** Told of failures to read or send a file that are not the client's going. */
  onError: (error: unknown) => void;
}

/** The page's routes. What is shown on each is up to the page. */
const pages = new Set(["/", "/log", "/keys"]);
/** No dot at the beginning, nothing encoded, no folder below: nothing leads out of the directory. */
const asset = /^\/assets\/[\w-][\w.-]*$/;
const compressed = /\.(br|gz)$/;

/** Encodings that the build has made ahead, the best first, and the ends of the files' names. */
const encodings = { br: ".br", gzip: ".gz" } as const;

const notBuilt = `The dashboard is not built. In the server's directory, with development packages installed:

  npm run build:dashboard

Then reload this page. The service itself works without.
`;

/**
 * What the library leaves to us or out. Its validators are made of a file's size and time, which two
 * builds may share: hashes are of one length, and images are made with all times alike.
 */
const plain = {
  ...{ cacheControl: false, acceptRanges: false, contentType: false },
  ...{ etag: false, lastModified: false },
} as const;

/** Whether there is anything to serve. */
export function isDashboardBuilt(directory: string): boolean {
  return existsSync(join(directory, "index.html"));
}

/**
 * Answers GET and HEAD of the dashboard's pages, all of which are one document, and of its assets.
 * A document is asked for again each time, an asset never. What is not there, and any other method,
 * goes to the fallback.
 */
export function dashboardRoutes(options: DashboardOptions): HttpHandler {
  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const reads = request.method === "GET" || request.method === "HEAD";
    const isPage = pages.has(path);
    if (!reads || (!isPage && (!asset.test(path) || compressed.test(path)))) {
      options.fallback(request, response);
      return;
    }
    answer(options, isPage ? "/index.html" : path, request, response).catch((error: unknown) => {
      // The client went; the file is closed.
      if (isPrematureClose(error)) return;
      options.onError(error);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.statusCode = 500;
      response.end();
    });
  };
}

async function answer(
  { directory, tls, fallback }: DashboardOptions,
  file: string,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const isPage = file === "/index.html";
  const found = await find(directory, file, request);
  // What is piped to a response that has closed already stays open for ever.
  if (isGone(response)) {
    found?.stream.destroy();
    return;
  }
  if (found === undefined && !isPage) {
    fallback(request, response);
    return;
  }
  for (const [name, value] of Object.entries(securityHeaders({ tls }))) {
    response.setHeader(name, value);
  }
  if (found === undefined) {
    response.writeHead(503, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": Buffer.byteLength(notBuilt),
      "cache-control": "no-store",
    });
    // Node leaves the body out of the answer to a HEAD. The two classes' end() differ in types only.
    (response as ServerResponse).end(notBuilt);
    return;
  }
  const { headers, stream, encoding } = found;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader("cache-control", isPage ? "no-cache" : "public, max-age=31536000, immutable");
  // Another may be there already: CORS answers by origin.
  (response as ServerResponse).appendHeader("vary", "accept-encoding");
  response.setHeader("content-type", contentType(file));
  if (encoding !== undefined) response.setHeader("content-encoding", encoding);
  if (request.method === "GET") {
    await pipeline(stream, response as ServerResponse);
    return;
  }
  stream.destroy();
  response.end();
}

interface Found {
  readonly headers: Record<string, string>;
  readonly stream: Readable;
  readonly encoding?: keyof typeof encodings;
}

/** The file in the best encoding that the client accepts and the build has made, if it is there. */
async function find(root: string, file: string, request: HttpRequest): Promise<Found | undefined> {
  const options = { ...plain, root };
  // Neither ranges nor conditions: all that there is fits one answer.
  const asked = { method: request.method, headers: {} } as unknown as Readable;
  const accepted = new Negotiator(request).encodings(Object.keys(encodings));
  const choices = (Object.keys(encodings) as (keyof typeof encodings)[]).filter((encoding) =>
    accepted.includes(encoding),
  );
  for (const encoding of [...choices, undefined]) {
    const suffix = encoding === undefined ? "" : encodings[encoding];
    const result = await send(asked, `${file}${suffix}`, options);
    if (result.type === "file") {
      return { ...result, ...(encoding !== undefined && { encoding }) };
    }
    result.stream.destroy();
    if (result.type === "error" && result.statusCode !== 404) throw result.metadata.error;
  }
  return undefined;
}

function contentType(file: string): string {
  const type = send.mime.getType(file) ?? "application/octet-stream";
  return send.isUtf8MimeType(type) ? `${type}; charset=utf-8` : type;
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

/** Whether the client has gone. Over HTTP/2 the response does not say it, its stream does. */
function isGone(response: HttpResponse): boolean {
  return "stream" in response
    ? response.stream.closed || response.stream.destroyed
    : response.destroyed;
}
