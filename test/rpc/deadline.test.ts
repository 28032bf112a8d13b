import { create } from "@bufbuild/protobuf";
import { createContextValues, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AuditService, GetRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { deadline } from "../../src/rpc/deadline.ts";

/** A call whose client's signal is given, to a handler that hears of its own and never answers. */
function call(maxMs: number, signal: AbortSignal) {
  const heard: AbortSignal[] = [];
  const request: UnaryRequest = {
    stream: false,
    service: AuditService,
    method: AuditService.method.get,
    requestMethod: "POST",
    url: "http://localhost/",
    header: new Headers(),
    contextValues: createContextValues(),
    message: create(GetRequestSchema),
    signal,
  };
  const answer = deadline(maxMs)((given) => {
    heard.push(given.signal);
    return new Promise<UnaryResponse>(() => undefined);
  })(request);
  return { answer, heard };
}

test("a call that waits for something silent ends at its deadline, and its handler is told", async () => {
  const { answer, heard } = call(20, new AbortController().signal);
  await expect(answer).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  expect(heard.map(({ aborted }) => aborted)).toEqual([true]);
});

test("a call whose client leaves ends with that", async () => {
  const client = new AbortController();
  const { answer, heard } = call(60_000, client.signal);
  client.abort(new Error("gone"));
  await expect(answer).rejects.toThrow("gone");
  expect(heard.map(({ aborted }) => aborted)).toEqual([true]);
});

test("a call whose client has left already is not begun", async () => {
  const { answer, heard } = call(60_000, AbortSignal.abort(new Error("gone")));
  await expect(answer).rejects.toThrow("gone");
  expect(heard).toEqual([]);
});
