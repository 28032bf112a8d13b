import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { EntryJson } from "../../src/client/entry-json.ts";
import type { TailQuery } from "../../src/client/tail-entries.ts";
import { LiveTrail } from "../../src/dashboard/live/live-trail.ts";
import { TrailStore } from "../../src/dashboard/trail/trail-store.ts";
import { logEntries } from "./trail-rows.ts";

const limits = { rows: 1_000, liveRows: 50 };
const query = { teamId: undefined, allTeams: false, filter: {} };

/** A server whose stream says what the test wants it to, and frames that come when it says so. */
class Server {
  /** Every stream that was asked for. */
  readonly tails: TailQuery[] = [];
  frames: (() => void)[] = [];
  #entries: EntryJson[] = [];
  #wake: (() => void) | undefined;
  #failure: ConnectError | undefined;

  /** Where the log ends, as its pages say. */
  head = "3";

  readonly listPage = async () => ({
    entries: logEntries("a", 1, 3).toReversed(),
    cursor: this.head,
  });

  readonly tail = (options: TailQuery = {}): AsyncIterableIterator<EntryJson> => {
    this.tails.push(options);
    return this.#run(options);
  };

  send(from: number, to: number): void {
    this.#entries.push(...logEntries("a", from, to));
    this.#wake?.();
  }

  fail(code: Code): void {
    this.#failure = new ConnectError("over", code);
    this.#wake?.();
  }

  frame(): void {
    const due = this.frames;
    this.frames = [];
    for (const work of due) work();
  }

  async *#run({ signal, onState, onCursor }: TailQuery): AsyncGenerator<EntryJson> {
    onState?.({ connected: true });
    const wake = () => this.#wake?.();
    signal?.addEventListener("abort", wake);
    while (!signal?.aborted) {
      for (const entry of this.#entries.splice(0)) {
        yield entry;
        await onCursor?.(String(entry.sequence));
      }
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure) throw failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

async function follow() {
  const server = new Server();
  const store = new TrailStore(server, query, undefined, limits);
  const live = new LiveTrail(server, store, (work) => server.frames.push(work));
  live.turnOn();
  store.open();
  await expect.poll(() => live.getStatus().feed.kind).toBe("open");
  const sequences = () => store.getRows().rows.map(({ sequence }) => sequence);
  const shown = (rows: number[]) =>
    expect
      .poll(() => {
        server.frame();
        return sequences();
      })
      .toEqual(rows);
  const waiting = (count: number) =>
    expect
      .poll(() => {
        server.frame();
        return live.getStatus().waiting;
      })
      .toBe(count);
  return { server, store, live, sequences, shown, waiting };
}

const down = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, n) => from - n);

test("it begins where the newest page was read, and shows what arrives", async () => {
  const { server, shown } = await follow();
  expect(server.tails).toMatchObject([{ after: "3" }]);
  server.send(4, 6);
  await shown([6, 5, 4, 3, 2, 1]);
  // A stream may begin before what was read.
  server.send(5, 7);
  await shown([7, 6, 5, 4, 3, 2, 1]);
});

test("one who reads further down sees how many wait, and gets them on the way back", async () => {
  const { server, live, shown, sequences, waiting } = await follow();
  live.setAtTop(false);
  server.send(4, 15);
  await waiting(12);
  expect(sequences()).toEqual([3, 2, 1]);
  live.setAtTop(true);
  await shown(down(15, 1));
  expect(live.getStatus().waiting).toBe(0);
});

test("hours in the background take no more memory than the limit, and leave no gap", async () => {
  const { server, store, live, shown, waiting } = await follow();
  live.setPaused(true);
  server.send(4, 5_000);
  await waiting(4_997);
  const { generation } = store.getRows();
  live.setPaused(false);
  await shown(down(5_000, 4_951));
  expect(store.getRows().generation).toBe(generation + 1);
  // What was given up is to be read below.
  expect(store.getRows().older).toEqual({ kind: "more" });
});

test("an ended authorisation is said, and following goes on from there when it is renewed", async () => {
  const { server, live, shown } = await follow();
  server.send(4, 5);
  await shown([5, 4, 3, 2, 1]);
  server.fail(Code.Unauthenticated);
  await expect.poll(() => live.getStatus().feed.kind).toBe("ended");
  live.renew();
  await expect.poll(() => live.getStatus().feed.kind).toBe("open");
  expect(server.tails.map(({ after }) => after)).toEqual(["3", "5"]);
  server.send(6, 6);
  await shown([6, 5, 4, 3, 2, 1]);
});

test("what the log no longer holds is read anew, if one wants to follow again", async () => {
  const { server, live, sequences } = await follow();
  server.fail(Code.OutOfRange);
  await expect.poll(() => live.getStatus().feed.kind).toBe("ended");
  live.renew();
  expect(server.tails).toHaveLength(1);
  server.head = "3 of another past";
  live.restart();
  await expect.poll(() => live.getStatus().feed.kind).toBe("open");
  // Not from the position that was refused.
  expect(server.tails.map(({ after }) => after)).toEqual(["3", "3 of another past"]);
  expect(sequences()).toEqual([3, 2, 1]);
});

test("switched off, the rows stay; switched on, it goes on after the last one", async () => {
  const { server, live, shown, sequences } = await follow();
  server.send(4, 6);
  await shown(down(6, 1));
  live.turnOff();
  expect(live.getStatus().feed).toEqual({ kind: "off" });
  expect(server.tails[0]?.signal?.aborted).toBe(true);
  expect(sequences()).toEqual(down(6, 1));
  live.turnOn();
  await expect.poll(() => server.tails.length).toBe(2);
  expect(server.tails[1]?.after).toBe("6");
});
