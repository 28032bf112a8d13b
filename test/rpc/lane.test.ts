import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fastLane } from "../support/fast-lane.ts";
import { newId, startTestServer, type TestServer, transports } from "../support/server.ts";
import { startServerProcess } from "../support/server-process.ts";

/** Transports of Connect's and gRPC's unary calls over HTTP/2. */
const plain = ["node-connect-json", "node-connect-binary", "node-get", "node-grpc"];

const cleanup = new AsyncDisposableStack();
let server: TestServer;

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
});
afterAll(() => cleanup.disposeAsync());

async function fastCalls(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^annals_fast_lane_calls_total (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

test("each project of tests runs the servers that it is for", ({ task }) => {
  expect(fastLane).toBe(task.file.projectName === "connect-node" ? "off" : "on");
});

describe(`with the fast lane ${fastLane}, as these tests run,`, () => {
  test.each(transports)("calls over %s go by the way that the run is for", async (transport) => {
    const before = await fastCalls(server.url);
    const token = await server.jwt({ role: "admin", teamId: newId("team") });
    const { audit } = server.clients(token, transport);
    await audit.record({ entry: { action: "create" } });
    await audit.recordBatch({ entries: [{ action: "update" }, { action: "delete" }] });
    const fast = fastLane === "on" && plain.includes(transport) ? 2 : 0;
    expect((await fastCalls(server.url)) - before).toBe(fast);
  });

  test("so do calls to a server that is a process of its own", async () => {
    await using own = await startServerProcess({ DATABASE_URL: server.databaseUrl });
    const { audit } = own.client();
    const entry = { teamId: newId("team"), action: "create" };
    // The first is from a stranger.
    for (let i = 0; i < 3; i++) await audit.record({ entry });
    expect(await fastCalls(own.url)).toBe(fastLane === "on" ? 2 : 0);
  });
});
