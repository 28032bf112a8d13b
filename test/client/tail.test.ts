import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type AuditClient, createAuditClient } from "../../src/client/client.ts";
import type { StreamFields } from "../../src/client/follow.ts";
import type { ConnectionState } from "../../src/client/retry.ts";
import { SeenEntries } from "../../src/client/seen-entries.ts";
import { type TailOptions, tail } from "../../src/client/tail.ts";
import { FakeService, message, OTHER_TEAM, TEAM, TOKEN } from "../support/fake-service.ts";

const BEGINNING = { start: { case: "beginning", value: {} } } as const;

let fake: FakeService;
let client: AuditClient;
let controller: AbortController;
let states: ConnectionState[];
let following: Promise<unknown>[];

beforeEach(async () => {
  fake = await new FakeService().start();
  client = createAuditClient({ baseUrl: fake.url, token: TOKEN });
  controller = new AbortController();
  states = [];
  following = [];
});

afterEach(async () => {
  controller.abort();
  await Promise.allSettled(following);
  client.close();
  await fake.stop();
});

/** Starts a tail; what it delivers is in `seen`, in order, as `team's last digit/sequence`. */
function follow(request: StreamFields = BEGINNING, options: Partial<TailOptions> = {}) {
  const seen: string[] = [];
  const done = (async () => {
    const entries = tail(client.audit, request, {
      signal: controller.signal,
      onState: (state) => states.push(state),
      backoff: { baseMs: 1, maxMs: 20 },
      ...options,
    });
    for await (const entry of entries) seen.push(name(entry));
  })();
  done.catch(() => {});
  following.push(done);
  return { seen, done };
}

const name = ({ teamId, sequence }: AuditEntry) => `${teamId.at(-1)}/${sequence}`;
const names = (count: number) => Array.from({ length: count }, (_, i) => `1/${i + 1}`);

describe("tail", () => {
  it("delivers what is there and then what comes, until it is aborted", async () => {
    fake.append({}, {});
    const { seen, done } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(2)));
    fake.append({});
    await vi.waitFor(() => expect(seen).toEqual(names(3)));
    controller.abort();
    await done;
  });

  it("ends at the head if asked to", async () => {
    fake.append({}, {}, {});
    const { seen, done } = follow({ ...BEGINNING, stopAtHead: true });
    await done;
    expect(seen).toEqual(names(3));
  });

  it("goes on after a restart of the server on the same port, with none missing or twice", async () => {
    fake.append({}, {});
    const { seen } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(2)));
    await fake.stop();
    fake.append({}, {});
    await vi.waitFor(() =>
      expect(states.filter((state) => !state.connected).length).toBeGreaterThan(2),
    );
    await fake.start();
    await vi.waitFor(() => expect(seen).toEqual(names(4)));
    fake.append({});
    await vi.waitFor(() => expect(seen).toEqual(names(5)));
    expect(states.at(0)).toEqual({ connected: true });
    expect(states.at(-1)).toEqual({ connected: true });
  });

  it("survives connections cut again and again in the middle of a stream", async () => {
    const { seen } = follow();
    for (let round = 1; round <= 10; round++) {
      fake.append(...Array.from({ length: 20 }, () => ({})));
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan((round - 1) * 20));
      fake.cutConnections();
    }
    await vi.waitFor(() => expect(seen).toEqual(names(200)));
  });

  it("resumes after a stream that fails or ends between two messages", async () => {
    fake.append({}, {}, {}, {});
    const [a, b, c] = fake.entries as [AuditEntry, AuditEntry, AuditEntry];
    fake.scripts.push(
      async function* () {
        yield message([a], "1");
        throw new ConnectError("the stream has reached its age", Code.Unavailable);
      },
      async function* () {
        yield message([b, c], "3");
      },
    );
    const { seen } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(4)));
    expect(fake.streamRequests.map(({ start }) => start.value)).toEqual([
      expect.anything(),
      "1",
      "3",
    ]);
  });

  it("begins at its start again while no message has come", async () => {
    fake.append({}, {});
    fake.scripts.push(async function* () {
      yield* [];
      throw new ConnectError("starting", Code.Unavailable);
    });
    const { seen } = follow({ start: { case: "last", value: 1 } });
    await vi.waitFor(() => expect(seen).toEqual(["1/2"]));
    expect(fake.streamRequests.map(({ start }) => start.case)).toEqual(["last", "last"]);
  });

  it("drops what comes again across teams after a resume", async () => {
    fake.repeatOnResume = 3;
    fake.append({}, { teamId: OTHER_TEAM }, {}, { teamId: OTHER_TEAM });
    const { seen } = follow({ ...BEGINNING, allTeams: true });
    await vi.waitFor(() => expect(seen.length).toBe(4));
    fake.cutConnections();
    fake.append({});
    await vi.waitFor(() => expect(seen).toEqual(["1/1", "2/1", "1/2", "2/2", "1/3"]));
  });

  it("reconnects when not even a heartbeat comes", async () => {
    fake.append({});
    const aborted = Promise.withResolvers<void>();
    fake.scripts.push(async function* (_, context) {
      context.signal.addEventListener("abort", () => aborted.resolve());
      yield message([], "0");
      await aborted.promise;
    });
    const { seen } = follow(BEGINNING, { silenceMs: 100 });
    await vi.waitFor(() => expect(seen).toEqual(names(1)));
    await aborted.promise;
    expect(states[1]).toMatchObject({ connected: false, error: { code: Code.Unavailable } });
  });

  it("asks for a token on every connect", async () => {
    let issued = 0;
    client.close();
    client = createAuditClient({
      baseUrl: fake.url,
      token: async () => {
        issued += 1;
        fake.tokens.clear();
        fake.tokens.add(`token-${issued}`);
        return `token-${issued}`;
      },
    });
    fake.append({});
    const { seen } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(1)));
    fake.cutConnections();
    fake.append({});
    await vi.waitFor(() => expect(seen).toEqual(names(2)));
    expect(fake.tokensSeen).toEqual(Array.from({ length: issued }, (_, i) => `token-${i + 1}`));
    expect(issued).toBeGreaterThan(1);
  });

  it.each([
    Code.Unauthenticated,
    Code.PermissionDenied,
    Code.InvalidArgument,
    Code.OutOfRange,
    Code.DataLoss,
    Code.NotFound,
    Code.Unimplemented,
  ])("ends with the error %i, which trying again cannot mend", async (code) => {
    fake.append({});
    fake.scripts.push(async function* () {
      yield message(fake.entries.slice(0, 1), "1");
      throw new ConnectError("no more", code);
    });
    const { seen, done } = follow();
    await expect(done).rejects.toMatchObject({ code, rawMessage: "no more" });
    expect(seen).toEqual(names(1));
    expect(fake.streamRequests).toHaveLength(1);
  });

  it.each([
    Code.Unavailable,
    Code.Internal,
    Code.DeadlineExceeded,
    Code.Aborted,
    Code.Unknown,
    Code.Canceled,
  ])("tries again after the error %i", async (code) => {
    fake.append({});
    fake.scripts.push(async function* () {
      yield* [];
      throw new ConnectError("again", code);
    });
    const { seen } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(1)));
  });

  it("waits as long as the server asks for", async () => {
    fake.append({});
    fake.scripts.push(async function* () {
      yield* [];
      const value = { retryDelay: { seconds: 0n, nanos: 150_000_000 } };
      const detail = { desc: RetryInfoSchema, value: create(RetryInfoSchema, value) };
      throw new ConnectError("too many", Code.ResourceExhausted, undefined, [detail]);
    });
    const { seen } = follow();
    await vi.waitFor(() => expect(seen).toEqual(names(1)));
    expect(states[0]).toMatchObject({ connected: false, failures: 1, retryInMs: 150 });
  });

  it("backs off further with every failure, up to the limit, and anew after a message", async () => {
    const fail = async function* () {
      yield* [];
      throw new ConnectError("again", Code.Unavailable);
    };
    fake.scripts.push(fail, fail, fail, fail, fail, async function* () {
      yield message([], "0");
      throw new ConnectError("again", Code.Unavailable);
    });
    fake.append({});
    const { seen } = follow(BEGINNING, { backoff: { baseMs: 1, maxMs: 8, random: () => 1 } });
    await vi.waitFor(() => expect(seen).toEqual(names(1)));
    const waits = states.flatMap((state) => (state.connected ? [] : [state.retryInMs]));
    expect(waits).toEqual([1, 2, 4, 8, 8, 1]);
  });

  it("gives a cursor only after everything up to it was taken", async () => {
    fake.append({}, {}, {});
    const log: string[] = [];
    const entries = tail(
      client.audit,
      { ...BEGINNING, stopAtHead: true },
      { signal: controller.signal, onCursor: (cursor) => void log.push(`cursor ${cursor}`) },
    );
    for await (const entry of entries) log.push(name(entry));
    expect(log).toEqual([...names(3), "cursor 3"]);
  });

  it("does not take a failing onCursor for a failing server", async () => {
    fake.append({});
    const { done } = follow(BEGINNING, {
      onCursor: () => {
        throw new Error("the disk is full");
      },
    });
    await expect(done).rejects.toThrow("the disk is full");
  });
});

describe("seen entries", () => {
  it("are known by team and sequence, up to a limit", () => {
    const seen = new SeenEntries([], 2);
    expect(seen.add(TEAM, 1n)).toBe(true);
    expect(seen.add(OTHER_TEAM, 1n)).toBe(true);
    expect(seen.add(TEAM, 1n)).toBe(false);
    expect(seen.add(TEAM, 2n)).toBe(true);
    expect(seen.add(TEAM, 1n)).toBe(true);
    expect(new SeenEntries(seen.recent(1)).add(TEAM, 1n)).toBe(false);
  });
});
