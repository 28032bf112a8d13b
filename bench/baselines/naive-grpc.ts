/** The naive service by `@grpc/grpc-js`: a program. Environment: see NaiveService. */
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import {
  type ListRequest,
  ListRequestSchema,
  ListResponseSchema,
  type RecordRequest,
  RecordRequestSchema,
  RecordResponseSchema,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { NaiveService } from "./naive-service.ts";
import { Refused } from "./naive-validation.ts";

const service = new NaiveService(process.env);
await service.start();

function method<Request extends DescMessage, Response extends DescMessage>(
  name: string,
  request: Request,
  response: Response,
  responseStream = false,
): MethodDefinition<MessageShape<Request>, MessageShape<Response>> {
  return {
    path: `/audit.v1.AuditService/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (message) => Buffer.from(toBinary(request, message)),
    requestDeserialize: (bytes) => fromBinary(request, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes) => fromBinary(response, bytes),
  };
}

function unary<Request, Response>(
  act: (request: Request, authorization: string | null) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const [authorization = null] = call.metadata.get("authorization");
    act(call.request, authorization && String(authorization)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(explained(error)),
    );
  };
}

function explained(error: unknown): { code: status; details: string } {
  if (!(error instanceof Refused)) return { code: status.INTERNAL, details: String(error) };
  const code = error.unauthenticated ? status.UNAUTHENTICATED : status.INVALID_ARGUMENT;
  return { code, details: error.message };
}

async function stream(call: ServerWritableStream<StreamRequest, StreamResponse>): Promise<void> {
  const left = new AbortController();
  call.once("cancelled", () => left.abort());
  const [authorization = null] = call.metadata.get("authorization");
  try {
    const messages = service.stream(
      call.request,
      authorization && String(authorization),
      left.signal,
    );
    for await (const message of messages) call.write(message);
    call.end();
  } catch (error) {
    call.emit("error", explained(error));
  }
}

const server = new Server();
server.addService(
  {
    record: method("Record", RecordRequestSchema, RecordResponseSchema),
    list: method("List", ListRequestSchema, ListResponseSchema),
    stream: method("Stream", StreamRequestSchema, StreamResponseSchema, true),
  },
  {
    record: unary((request: RecordRequest, authorization) =>
      service.record(request, authorization),
    ),
    list: unary((request: ListRequest, authorization) => service.list(request, authorization)),
    stream: (call: ServerWritableStream<StreamRequest, StreamResponse>) => void stream(call),
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  const url = `http://127.0.0.1:${port}`;
  process.stdout.write(`${JSON.stringify({ msg: "listening", url })}\n`);
});
process.once("SIGTERM", () => {
  server.forceShutdown();
  void service.close();
});
