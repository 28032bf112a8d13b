import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StreamResponse } from "../../gen/audit/v1/audit_service_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { describeRefusal, type Refusal, refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  transports,
} from "../support/server.ts";

const overrides = { heartbeatMs: 100, credentialCheckMs: 50, apiKeyCacheMs: 20 };
const cleanup = new AsyncDisposableStack();
let server: TestServer;

beforeAll(async () => {
  server = cleanup.use(await startTestServer({ overrides }));
});
afterAll(() => cleanup.disposeAsync());

interface Ended {
  readonly messages: readonly StreamResponse[];
  readonly refusal: Refusal | undefined;
}

/** Reads a stream to its end; `begun` is called when the first message is there. */
async function read(
  stream: AsyncIterable<StreamResponse>,
  begun: () => void = () => undefined,
): Promise<Ended> {
  const messages: StreamResponse[] = [];
  try {
    for await (const message of stream) {
      messages.push(message);
      if (messages.length === 1) begun();
    }
    return { messages, refusal: undefined };
  } catch (error) {
    return { messages, refusal: describeRefusal(error) };
  }
}

/** A stream that has begun, and its end. */
async function follow(
  audit: TestClients["audit"],
  request: object = {},
): Promise<Promise<Ended>[]> {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const ended = read(audit.stream(request), resolve);
  await Promise.race([begun, ended]);
  return [ended];
}

describe.each(transports)("over %s a stream ends", (transport) => {
  test("when its JWT expires, and not before", async () => {
    const teamId = newId("team");
    const expiresIn = 2;
    const expires = Math.floor(Date.now() / 1_000) + expiresIn;
    const { audit } = server.clients(
      await server.jwt({ role: "member", teamId, expiresIn }),
      transport,
    );
    const ended = await read(audit.stream({}));
    expect(ended.refusal).toMatchObject({ code: "unauthenticated", reason: "CREDENTIAL_EXPIRED" });
    expect(ended.messages.length).toBeGreaterThan(0);
    expect(Date.now()).toBeGreaterThanOrEqual(expires * 1_000);
  });

  test("when its API key is revoked", async () => {
    const teamId = newId("team");
    const admin = server.clients(await server.jwt({ role: "admin", teamId }));
    const grants = [ApiKeyGrant.READ];
    const { apiKey, secret } = await admin.keys.createApiKey({ name: "bot", grants });
    const [ended] = await follow(server.clients(secret, transport).audit);
    await admin.keys.revokeApiKey({ id: apiKey?.id ?? "" });
    expect((await ended)?.refusal).toMatchObject({
      code: "unauthenticated",
      reason: "CREDENTIAL_REVOKED",
    });
  });

  test("when it is too old, and its cursor goes on without a gap", async () => {
    await using young = await startTestServer({
      overrides,
      database: { url: server.databaseUrl },
      env: { STREAM_MAX_AGE_MS: "150" },
    });
    const teamId = newId("team");
    const { audit } = young.clients(await young.jwt({ role: "admin", teamId }), transport);
    let cursor = "";
    const sequences: bigint[] = [];
    for (let round = 0; round < 3; round++) {
      await audit.record({ entry: { action: "create" } });
      const start =
        cursor === ""
          ? ({ case: "beginning", value: {} } as const)
          : ({ case: "afterCursor", value: cursor } as const);
      const ended = await read(audit.stream({ start }));
      expect(ended.refusal).toMatchObject({ code: "unavailable", reason: "STREAM_TOO_OLD" });
      cursor = ended.messages.at(-1)?.cursor ?? "";
      sequences.push(...ended.messages.flatMap((m) => m.entries.map(({ sequence }) => sequence)));
    }
    expect(sequences).toEqual([1n, 2n, 3n]);
  });

  test("when the server shuts down, which waits for none", async () => {
    await using closing = await startTestServer({ database: { url: server.databaseUrl } });
    const teamId = newId("team");
    const member = closing.clients(await closing.jwt({ role: "member", teamId }), transport);
    const root = closing.clients(await closing.jwt({ role: "platform_admin" }), transport);
    const streams = [
      ...(await follow(member.audit)),
      ...(await follow(member.audit)),
      ...(await follow(root.audit, { allTeams: true })),
    ];
    await closing.running.close();
    for (const { refusal } of await Promise.all(streams)) {
      expect(refusal).toMatchObject({ code: "unavailable", reason: "SHUTTING_DOWN" });
    }
    const errors = closing.logs.filter((line) => JSON.parse(line).level >= 50);
    expect(errors).toEqual([]);
  });
});

test("a stream ends when its API key expires", async () => {
  const admin = server.clients(await server.jwt({ role: "admin", teamId: newId("team") }));
  const expireTime = { seconds: BigInt(Math.ceil(Date.now() / 1_000) + 1), nanos: 0 };
  const grants = [ApiKeyGrant.READ];
  const { secret } = await admin.keys.createApiKey({ name: "bot", grants, expireTime });
  const ended = await read(server.clients(secret).audit.stream({}));
  expect(ended.refusal).toMatchObject({ code: "unauthenticated", reason: "CREDENTIAL_EXPIRED" });
});

test("a call in flight is answered before the server has closed", async () => {
  await using closing = await startTestServer({ database: { url: server.databaseUrl } });
  const { audit } = closing.clients(await closing.jwt({ role: "admin", teamId: newId("team") }));
  await audit.list({});
  const entries = Array.from({ length: 500 }, () => ({ action: "create" }));
  const calls = Promise.all(Array.from({ length: 4 }, () => audit.recordBatch({ entries })));
  await expect
    .poll(async () =>
      /queue_entries [1-9]/.test(await (await fetch(`${closing.url}/metrics`)).text()),
    )
    .toBe(true);
  const closed = closing.running.close();
  for (const { results } of await calls) {
    expect(results.every(({ outcome }) => outcome.case === "entry")).toBe(true);
  }
  await closed;
});

test("a principal has so many streams and no more, whatever others have", async () => {
  await using strict = await startTestServer({
    overrides,
    database: { url: server.databaseUrl },
    env: { STREAMS_PER_PRINCIPAL: "2" },
  });
  const teamId = newId("team");
  const jwt = await strict.jwt({ role: "admin", teamId });
  const { audit } = strict.clients(jwt);
  const open = async (by = audit) => {
    const leaving = new AbortController();
    const stream = by.stream({}, { signal: leaving.signal });
    await stream[Symbol.asyncIterator]().next();
    return leaving;
  };
  const first = await open();
  await open();
  expect(await refusal(open())).toMatchObject({
    code: "resource_exhausted",
    reason: "TOO_MANY_STREAMS",
    metadata: { limit: "2" },
  });
  // On another connection too, since it is the principal that counts.
  expect(await refusal(open(strict.clients(jwt, "web-connect").audit))).toMatchObject({
    reason: "TOO_MANY_STREAMS",
  });
  const other = strict.clients(await strict.jwt({ role: "admin", teamId })).audit;
  await open(other);
  first.abort();
  await expect
    .poll(() =>
      open().then(
        () => "open",
        (error) => describeRefusal(error).reason,
      ),
    )
    .toBe("open");
});
