/** The naive service by connect-node: a program. Environment: see NaiveService. */
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { NaiveService } from "./naive-service.ts";
import { Refused } from "./naive-validation.ts";

const service = new NaiveService(process.env);
await service.start();

function explained(error: unknown): unknown {
  if (!(error instanceof Refused)) return error;
  const code = error.unauthenticated ? Code.Unauthenticated : Code.InvalidArgument;
  return new ConnectError(error.message, code);
}

const handler = connectNodeAdapter({
  interceptors: [
    (next) => async (request) => {
      try {
        return await next(request);
      } catch (error) {
        throw explained(error);
      }
    },
  ],
  routes: (router) =>
    router.service(AuditService, {
      record: (request, { requestHeader }) =>
        service.record(request, requestHeader.get("authorization")),
      list: (request, { requestHeader }) =>
        service.list(request, requestHeader.get("authorization")),
      stream: (request, { requestHeader, signal }) =>
        service.stream(request, requestHeader.get("authorization"), signal),
    }),
});
const sessions = new Set<http2.ServerHttp2Session>();
const server = http2.createServer(handler).on("session", (session) => {
  sessions.add(session);
  session.once("close", () => sessions.delete(session));
});
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.stdout.write(`${JSON.stringify({ msg: "listening", url })}\n`);
});
process.once("SIGTERM", () => {
  for (const session of sessions) session.destroy();
  server.close(() => void service.close());
});
