import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { StreamBody } from "../../src/rpc/stream-body.ts";

const envelope = Buffer.alloc(100);

/** A response whose client takes nothing until it is told to, and what ends the stream. */
function aResponse() {
  let take = () => {};
  const response = new Writable({
    highWaterMark: 150,
    write: (_chunk, _encoding, taken) => {
      take = taken;
    },
  });
  const ending = new AbortController();
  const body = new StreamBody(response, ending.signal);
  return { response, ending, body, take: () => take() };
}

test("a client that is behind is waited for until it has taken what was sent", async () => {
  const { response, body, take } = aResponse();
  expect(body.write(envelope)).toBeUndefined();
  const drained = body.write(envelope);
  expect(drained).toBeInstanceOf(Promise);
  take();
  take();
  await drained;
  expect(response.listenerCount("drain")).toBe(0);
});

test.each(["the stream's end", "a failed response"])(
  "%s ends the wait, and every further write",
  async (what) => {
    const { response, ending, body } = aResponse();
    body.write(envelope);
    const drained = body.write(envelope);
    const reason = new Error(what);
    if (what === "a failed response") response.destroy(reason);
    else ending.abort(reason);
    await expect(drained).rejects.toBe(reason);
    expect(() => body.write(envelope)).toThrow(reason);
  },
);
