import { toJsonString } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { Follower, sequences, upTo } from "../feed/follower.ts";
import { newId, startTestServer, type TestServer, transports } from "../support/server.ts";

const cleanup = new AsyncDisposableStack();
let direct: TestServer;
let library: TestServer;

beforeAll(async () => {
  const secret = "a secret that both servers share, of 32 bytes";
  const overrides = { heartbeatMs: 100, pollMs: 100 };
  direct = cleanup.use(await startTestServer({ secret, overrides }));
  const database = { url: direct.databaseUrl };
  const env = { FAST_LANE: "off" };
  library = cleanup.use(await startTestServer({ secret, overrides, database, env }));
});
afterAll(() => cleanup.disposeAsync());

/** Followers of one team, over each transport of each server. */
async function followAll(teamId: string, stack: AsyncDisposableStack): Promise<Follower[]> {
  const admin = await direct.jwt({ role: "admin", teamId });
  const followers = [direct, library].flatMap((server) =>
    transports.map((name) => new Follower(server.clients(admin, name).audit, {})),
  );
  for (const follower of followers) stack.use(follower);
  await Promise.all(followers.map((follower) => follower.begun()));
  return followers;
}

test("every client gets the same by the direct way as by the library's, on every transport", async () => {
  await using stack = new AsyncDisposableStack();
  const teamId = newId("team");
  const followers = await followAll(teamId, stack);
  const { audit } = direct.clients(await direct.jwt({ role: "admin", teamId }));
  await audit.record({ entry: { action: "create", metadata: { more: [1, null], text: "ä€🦆" } } });
  // Above what is worth compressing, and what a client takes at once.
  const long = "x".repeat(20_000);
  await audit.recordBatch({
    entries: Array.from({ length: 99 }, () => ({ action: "update", metadata: { long } })),
  });
  await Promise.all(followers.map((each) => each.until(({ entries }) => entries.length >= 100)));
  const [first] = followers;
  for (const { entries } of followers) {
    expect(sequences(entries)).toEqual(upTo(100));
    expect(entries.map(text)).toEqual(first?.entries.map(text));
  }
  // Heartbeats go the same way.
  const before = followers.map(({ messages }) => messages);
  await Promise.all(
    followers.map((each, i) => each.until(({ messages }) => messages > (before[i] ?? 0) + 1)),
  );
  expect(new Set(followers.map(({ cursor }) => cursor)).size).toBe(1);
});

test("what was erased is sent to nobody any more, though others have had it", async () => {
  await using stack = new AsyncDisposableStack();
  const teamId = newId("team");
  const before = await followAll(teamId, stack);
  const { audit } = direct.clients(await direct.jwt({ role: "admin", teamId }));
  const { entry } = await audit.record({
    entry: { action: "create", metadata: { secret: "to be forgotten" } },
  });
  await Promise.all(before.map((each) => each.until(({ entries }) => entries.length === 1)));
  expect(secrets(before)).toBe(before.length);
  await audit.erase({ ids: [entry?.id ?? ""] });
  await Promise.all(before.map((each) => each.until(({ entries }) => entries.length === 2)));
  const admin = await direct.jwt({ role: "admin", teamId });
  const start = { case: "beginning", value: {} } as const;
  const late = transports.map((name) => new Follower(direct.clients(admin, name).audit, { start }));
  for (const follower of late) stack.use(follower);
  await Promise.all(late.map((each) => each.until(({ entries }) => entries.length === 2)));
  expect(secrets(late)).toBe(0);
});

function text(entry: AuditEntry): string {
  return toJsonString(AuditEntrySchema, entry);
}

/** How many entries with metadata of the team's own came. */
function secrets(followers: readonly Follower[]): number {
  const told = ({ metadata }: AuditEntry) => metadata?.secret !== undefined;
  return followers.flatMap(({ entries }) => entries.filter(told)).length;
}
