import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  AuditCalls,
  AuditClientOptions,
  EntryJson,
  TailQuery,
  TeamIdText,
} from "../../src/client/index.ts";
import * as node from "../../src/client/index.ts";
import * as web from "../../src/client/web.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const newTeam = (): TeamIdText => `team-${crypto.randomUUID()}`;

describe.each<[string, (options: AuditClientOptions) => AuditCalls & Partial<Disposable>]>([
  ["on Node", node.createAuditClient],
  ["in browsers", web.createAuditClient],
])("a client as %s", (_, createAuditClient) => {
  /** A client of a new team's admin; `tokenOf` instead of the admin's own. */
  async function connect(tokenOf?: (teamId: TeamIdText) => () => Promise<string>) {
    const teamId = newTeam();
    const token = tokenOf?.(teamId) ?? (await server.jwt({ role: "admin", teamId }));
    const client = createAuditClient({ baseUrl: server.url, token });
    return { teamId, client, [Symbol.dispose]: () => client[Symbol.dispose]?.() };
  }

  it("records, reads and follows in plain words", async () => {
    using connected = await connect();
    const { client, teamId } = connected;
    const resource = { type: "vm", id: "vm-1" };
    for (const action of ["create", "pause", "resume"]) {
      await client.record({ action, resource, status: "info" });
    }
    const [last] = await Array.fromAsync(client.list({ filter: { actions: ["resume"] } }));
    expect(last).toMatchObject({ teamId, sequence: 3, action: "resume", status: "info", resource });
    expect(await client.get({ sequence: 3 })).toEqual(last);
    const page = await client.listPage({ pageSize: 1 });
    const tail = client.tail({ after: page.cursor });
    const next = tail.next();
    await client.record({ action: "delete" });
    expect((await next).value).toMatchObject({ sequence: 4, action: "delete" });
    await tail.return?.();
    const all = await Array.fromAsync(client.tail({ fromBeginning: true, stopAtHead: true }));
    expect(all.map(({ action }) => action)).toEqual(["create", "pause", "resume", "delete"]);
  });

  it("tells the server's reason", async () => {
    using connected = await connect();
    const error = await connected.client.record({ action: "Not Words" }).catch((reason) => reason);
    expect(node.reasonOf(error)).toBe("INVALID_FIELD");
    expect(node.reasonOf(new Error("another"))).toBe(undefined);
  });

  /** Follows, and records an entry whenever the stream has lost and found its server. */
  async function untilItFails(tokenOf: (teamId: TeamIdText) => () => Promise<string>) {
    using connected = await connect(tokenOf);
    const { client, teamId } = connected;
    using admin = node.createAuditClient({
      baseUrl: server.url,
      token: await server.jwt({ role: "admin", teamId }),
    });
    const entries: EntryJson[] = [];
    const query: TailQuery = {
      backoff: { baseMs: 1, maxMs: 1 },
      onState: ({ connected: isConnected }) => {
        if (isConnected) void admin.record({ action: "connect" });
      },
    };
    try {
      for await (const entry of client.tail(query)) entries.push(entry);
    } catch (error) {
      return { entries: entries.length, error };
    }
    throw new Error("the tail ended without an error");
  }

  it("ends with an error when a token that stays the same has expired", async () => {
    const { error } = await untilItFails((teamId) => {
      const jwt = server.jwt({ role: "member", teamId, expiresIn: 2 });
      return () => jwt;
    });
    expect(error).toMatchObject({ code: Code.Unauthenticated });
    expect(node.reasonOf(error)).toBe("CREDENTIAL_EXPIRED");
  });

  it("goes on with a fresh token, until there is none", async () => {
    let issued = 0;
    const fresh = (teamId: TeamIdText) => () => {
      issued += 1;
      return server.jwt({ role: "member", teamId, expiresIn: issued <= 2 ? 3 : -1 });
    };
    const { entries, error } = await untilItFails(fresh);
    expect(entries).toBe(2);
    expect(issued).toBe(3);
    expect(error).toMatchObject({ code: Code.Unauthenticated });
  });
});
