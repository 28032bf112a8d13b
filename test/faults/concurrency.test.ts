import { randomInt, randomUUIDv7 } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import pg from "pg";
import { expect, test } from "vitest";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId } from "../support/server.ts";
import { startServerProcess } from "../support/server-process.ts";
import { expectAcknowledged, readStoredLog } from "./stored-log.ts";

type Audit = Client<typeof AuditService>;
type NewEntry = MessageInitShape<typeof AuditEntrySchema> & { id: string };

const WRITERS = 32;
const ENTRIES_PER_WRITER = 650;

function pick<T>(items: readonly T[]): T {
  return items[randomInt(items.length)] as T;
}

function make(teamId: string, count: number): NewEntry[] {
  return Array.from({ length: count }, () => ({
    id: `log-${randomUUIDv7()}`,
    teamId,
    action: "create",
    resource: { type: "snapshot", id: "nightly" },
    metadata: { attempt: randomInt(1_000) },
  }));
}

/** What all writers sent, and what they were answered. */
class Ledger {
  readonly sent = new Set<string>();
  /** Positions by team and id. */
  readonly acknowledged = new Map<string, Map<string, bigint>>();
  duplicates = 0;
  cancelled = 0;

  acknowledge({ teamId, id, sequence }: AuditEntry): bigint {
    const positions = this.acknowledged.get(teamId) ?? new Map<string, bigint>();
    const before = positions.get(id);
    if (before !== undefined) this.duplicates += 1;
    // The same entry is answered with the same position, whichever replica is asked.
    expect(sequence).toBe(before ?? sequence);
    this.acknowledged.set(teamId, positions.set(id, sequence));
    return sequence;
  }
}

/** Sends entries to a team in many ways, one call after the other. */
async function write(replicas: readonly Audit[], teamId: string, ledger: Ledger): Promise<void> {
  let last = 0n;
  let sent = 0;
  const fresh = (count: number) => {
    const entries = make(teamId, count);
    for (const { id } of entries) ledger.sent.add(id);
    sent += count;
    return entries;
  };
  const recordBatch = async (audit: Audit, entries: NewEntry[]) => {
    const { results } = await audit.recordBatch({ entries });
    return results.map(({ outcome }) => {
      if (outcome.case !== "entry") throw new Error(`refused: ${outcome.value?.message}`);
      return ledger.acknowledge(outcome.value);
    });
  };
  /** A writer's entries get their positions in the order in which it sends them. */
  const advance = (sequences: readonly bigint[]) => {
    for (const sequence of sequences) {
      expect(sequence).toBeGreaterThan(last);
      last = sequence;
    }
  };
  let previous: NewEntry[] = [];
  while (sent < ENTRIES_PER_WRITER) {
    switch (pick(["batch", "batch", "one", "race", "again", "cancel"])) {
      case "batch":
        previous = fresh(randomInt(20, 60));
        advance(await recordBatch(pick(replicas), previous));
        break;
      case "one": {
        const [entry] = fresh(1);
        const answer = await pick(replicas).record({ entry: entry as NewEntry });
        advance([ledger.acknowledge(answer.entry as AuditEntry)]);
        break;
      }
      case "race": {
        const entries = fresh(10);
        const [here, there] = await Promise.all(replicas.map((r) => recordBatch(r, entries)));
        expect(there).toEqual(here);
        advance(here as bigint[]);
        break;
      }
      case "again":
        if (previous.length === 0) break;
        for (const replica of replicas) await recordBatch(replica, previous.slice(0, 5));
        break;
      case "cancel": {
        const entries = fresh(5);
        const signal = AbortSignal.timeout(randomInt(1, 12));
        const answers = await Promise.allSettled(
          entries.map((entry) => pick(replicas).record({ entry }, { signal })),
        );
        for (const answer of answers) {
          if (answer.status === "fulfilled") ledger.acknowledge(answer.value.entry as AuditEntry);
          else ledger.cancelled += 1;
        }
        // Whatever became of them, sent again they are there, once; the others may be or not.
        if (randomInt(2) === 0) {
          const sequences = await recordBatch(pick(replicas), entries);
          last = sequences.reduce((most, s) => (s > most ? s : most), last);
        }
      }
    }
  }
}

/** Follows a team's log, on one replica or the other, and is disconnected at random. */
async function subscribe(
  replicas: readonly Audit[],
  teamId: string,
  size: () => number | undefined,
): Promise<{ seen: string[]; disconnected: number }> {
  const seen: string[] = [];
  let cursor = "";
  let disconnected = 0;
  while (seen.length < (size() ?? Number.POSITIVE_INFINITY)) {
    const signal = AbortSignal.timeout(randomInt(20, 400));
    let messages = randomInt(1, 20);
    try {
      const start =
        cursor === ""
          ? ({ case: "beginning", value: {} } as const)
          : ({ case: "afterCursor", value: cursor } as const);
      for await (const message of pick(replicas).stream({ teamId, start }, { signal })) {
        for (const { id, sequence } of message.entries) {
          seen.push(id);
          expect(sequence).toBe(BigInt(seen.length));
        }
        ({ cursor } = message);
        messages -= 1;
        if (messages === 0) break;
      }
    } catch (error) {
      const { code } = ConnectError.from(error);
      if (code !== Code.Canceled && code !== Code.DeadlineExceeded) throw error;
    }
    disconnected += 1;
  }
  return { seen, disconnected };
}

test("two replicas under 32 writers keep every log dense, ordered, and complete for its readers", async () => {
  await using database = await createDatabase();
  await using first = await startServerProcess({ DATABASE_URL: database.url });
  await using second = await startServerProcess({ DATABASE_URL: database.url });
  const replicas = [first.client().audit, second.client().audit];
  const teams = [newId("team"), newId("team"), newId("team")];
  const ledger = new Ledger();
  const sizes = new Map<string, number>();
  const readers = teams.map((teamId) => subscribe(replicas, teamId, () => sizes.get(teamId)));
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    write(replicas, teams[i % teams.length] as string, ledger),
  );
  await Promise.race([Promise.all(writers), Promise.all(readers)]);

  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  await using _end = { [Symbol.asyncDispose]: () => session.end() };
  // Calls that were cancelled as they were committed are done when no append is open.
  await expect
    .poll(async () => {
      const { rows } = await session.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'annals-append' AND state <> 'idle'`,
      );
      return rows.length;
    })
    .toBe(0);

  const logs = new Map<string, string[]>();
  for (const teamId of teams) {
    const log = await readStoredLog(database.url, teamId);
    logs.set(teamId, log);
    sizes.set(teamId, log.length);
  }
  const stored = [...logs.values()].flat();
  for (const id of stored) if (!ledger.sent.has(id)) expect.fail(`nobody sent ${id}`);
  for (const [teamId, log] of logs) {
    expectAcknowledged(ledger.acknowledged.get(teamId) ?? new Map(), log);
  }
  expect(stored.length).toBeGreaterThanOrEqual(20_000);
  expect(ledger.duplicates).toBeGreaterThan(100);
  expect(ledger.cancelled).toBeGreaterThan(10);

  for (const [i, reading] of readers.entries()) {
    const { seen, disconnected } = await reading;
    expect(seen).toEqual(logs.get(teams[i] as string));
    expect(disconnected).toBeGreaterThan(5);
  }
  for (const { logs: lines } of [first, second]) {
    expect(lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  }
}, 120_000);
