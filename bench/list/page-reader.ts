import { gunzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ListRequestSchema,
  type ListResponse,
  ListResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { Http2Connection } from "../load/http2-connection.ts";
import { type Procedure, procedure } from "../load/procedure.ts";

export type ListQuery = MessageInitShape<typeof ListRequestSchema>;

/** A page, and how long it took: from the request to the answer's last byte, nothing decoded yet. */
export interface TimedPage {
  readonly millis: number;
  readonly page: ListResponse;
}

/**
 * Reads pages over RPC, by Connect in binary: not by a generated client, since what that unpacks and decodes
 * would be in the time, too.
 */
export class PageReader implements AsyncDisposable {
  readonly #connection: Http2Connection;
  readonly #list: Procedure;
  readonly #gzip: boolean;

  private constructor(connection: Http2Connection, list: Procedure, gzip: boolean) {
    this.#connection = connection;
    this.#list = list;
    this.#gzip = gzip;
  }

  /** @param gzip - Whether the server is to pack its answers: all must be above the 1,024 bytes from which it does. */
  static async open(url: string, token: string, gzip = false): Promise<PageReader> {
    const connection = await Http2Connection.open(url, { keepBodies: true });
    const calling = { protocol: "connect", token, acceptGzip: gzip } as const;
    const list = procedure(url, "audit.v1.AuditService/List", calling);
    return new PageReader(connection, list, gzip);
  }

  /** Prepares a call, which may be made many times. */
  reading(query: ListQuery): () => Promise<TimedPage> {
    const request = toBinary(ListRequestSchema, create(ListRequestSchema, query));
    return async () => {
      const { promise, resolve, reject } = Promise.withResolvers<{
        millis: number;
        body: Buffer;
      }>();
      const start = performance.now();
      this.#connection.unary(this.#list, request, (problem, body) => {
        const millis = performance.now() - start;
        if (body === undefined || problem !== undefined) reject(new Error(`List: ${problem}`));
        else resolve({ millis, body });
      });
      const { millis, body } = await promise;
      return { millis, page: fromBinary(ListResponseSchema, this.#gzip ? gunzipSync(body) : body) };
    };
  }

  /** Reads one page. */
  async read(query: ListQuery): Promise<ListResponse> {
    return (await this.reading(query)()).page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
