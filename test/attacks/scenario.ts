import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import pg from "pg";
import { expect, inject } from "vitest";
import { ActorType, type AuditEntrySchema, EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { createAuditClient } from "../../src/client/client.ts";
import type { TeamId } from "../../src/ids.ts";
import { formatVerifierKey } from "../../src/log/note.ts";
import { formatSigningKey, makeSigningKey } from "../../src/log/signing-key.ts";
import { newEntry } from "../support/new-entry.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";
import { Superuser } from "./superuser.ts";

/** Sizes of the log, in the order in which it came by them: two full tiles and a bit at the end. */
export const sizes = {
  /** When it was dumped. */
  dumped: 400n,
  /** When it was last signed: what the verifier with a memory and the checkpoint store hold. */
  signed: 560n,
  /** What there is. */
  now: 640n,
} as const;

/** Positions that attacks are about. All but the last are before what was signed. */
export const at = {
  /** With every column set, for all to read; in a full tile. Mostly the one readers look at. */
  entry: 303n,
  /** Such another. */
  other: 345n,
  /** Without details. */
  bare: 301n,
  /** For admins only. */
  admin: 320n,
  /** Erased by `AuditService.Erase`, with two others. */
  erased: 33n,
  /** The entry that says so. */
  erasure: 401n,
  /** In the last tile, which is not full. */
  late: 523n,
  /** Recorded after the last checkpoint. */
  unsigned: 600n,
} as const;

const erasedSequences = [at.erased, 40n, 205n];

/** A log of which others have seen a checkpoint, and a superuser of its database. */
export interface Scenario extends AsyncDisposable {
  readonly databaseUrl: string;
  /** Of another database with the same logs. */
  readonly twinUrl: string;
  readonly teamId: TeamId;
  /** As `team-{uuid}`. */
  readonly team: string;
  readonly verifierKey: string;
  /** The checkpoint of size `signed`. */
  readonly signed: string;
  /** The checkpoint store as it was then; not to be changed. */
  readonly store: string;
  readonly superuser: Superuser;
  /** A directory for a checkpoint store: a copy of the one given, or else new. */
  makeStore(from?: string): Promise<string>;
  /** A server on the database, with the one key there is. */
  serve(store: string, databaseUrl?: string): Promise<TestServer>;
}

/** What was dumped at `sizes.dumped`. */
export const olderDump = "older";
/** What was dumped at the end, before any attack. */
export const untouched = "untouched";

/** Records the log, by way of a server; its last entries are not signed. */
export async function buildScenario(): Promise<Scenario> {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await createDatabase());
  const directory = await mkdtemp(join(tmpdir(), "annals-attacks-"));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const key = makeSigningKey("audit.example.com");
  const team = newId("team");
  const teamId = team.slice("team-".length) as TeamId;

  const serve = (store: string, url: string = database.url) =>
    startTestServer({
      database: { url },
      env: {
        CHECKPOINT_KEY: formatSigningKey(key),
        CHECKPOINT_STORE: store,
        // Only when asked, so that it is known what was signed.
        CHECKPOINT_INTERVAL_SECONDS: "0",
      },
    });
  let stores = 0;
  const makeStore = async (from?: string) => {
    const store = join(directory, `store-${++stores}`);
    if (from !== undefined) await cp(from, store, { recursive: true });
    return store;
  };

  const store = await makeStore();
  const signed = await recordLog(() => serve(store), database.url, team);
  {
    await using superuser = await Superuser.connect(database.url, teamId);
    const unsigned = Array.from({ length: Number(sizes.now - sizes.signed) }, () =>
      newEntry(teamId, "update"),
    );
    await superuser.append(...unsigned);
    await superuser.dump(untouched);
  }
  const twinUrl = await makeTwin(database, cleanup);
  const superuser = cleanup.use(await Superuser.connect(database.url, teamId));
  const owned = cleanup.move();
  return {
    databaseUrl: database.url,
    twinUrl,
    teamId,
    team,
    verifierKey: formatVerifierKey(key.verifier),
    signed,
    store,
    superuser,
    makeStore,
    serve,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Up to `sizes.signed`; answers with the checkpoint of that. */
async function recordLog(
  serve: () => Promise<TestServer>,
  databaseUrl: string,
  team: string,
): Promise<string> {
  await using server = await serve();
  using client = createAuditClient({
    baseUrl: server.url,
    token: await server.jwt({ role: "platform_admin" }),
  });
  const record = async (from: bigint, to: bigint) => {
    const entries = [];
    for (let sequence = from; sequence <= to; sequence++) entries.push(entryAt(team, sequence));
    const { results } = await client.audit.recordBatch({ entries });
    expect(results.map(({ outcome }) => outcome.value)).toMatchObject(
      entries.map((_, i) => ({ sequence: from + BigInt(i) })),
    );
  };
  await record(1n, sizes.dumped);
  {
    await using superuser = await Superuser.connect(databaseUrl, team.slice(5) as TeamId);
    await superuser.dump(olderDump);
  }
  const ids = [];
  for (const sequence of erasedSequences) {
    const key = { case: "sequence", value: sequence } as const;
    const { entry } = await client.audit.get({ teamId: team, key });
    ids.push(entry?.id ?? "");
  }
  await client.audit.erase({ teamId: team, ids });
  await record(sizes.dumped + 2n, sizes.signed);
  return (await client.proofs.getCheckpoint({ teamId: team })).checkpoint;
}

/** A database with all that this one has; nobody may be connected to it. */
async function makeTwin(
  { name, url }: TestDatabase,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const administrate = async (statement: string) => {
    const session = new pg.Client({ connectionString: inject("postgresUrl") });
    await session.connect();
    await session.query(statement).finally(() => session.end());
  };
  await administrate(`CREATE DATABASE ${name}_twin TEMPLATE ${name}`);
  cleanup.defer(() => administrate(`DROP DATABASE ${name}_twin WITH (FORCE)`));
  const twin = new URL(url);
  twin.pathname = `/${name}_twin`;
  return twin.href;
}

/** Every tenth is for admins only, every seventh without details; the rest have every field. */
function entryAt(teamId: string, sequence: bigint): MessageInitShape<typeof AuditEntrySchema> {
  const n = Number(sequence);
  const scope = n % 10 === 0 ? EntryScope.ADMIN : EntryScope.TEAM;
  if (n % 7 === 0) return { teamId, scope, action: "sync.run" };
  return {
    teamId,
    scope,
    action: "role_update",
    actor: { type: ActorType.SERVICE, id: `scheduler-${n}`, name: `Scheduler ${n}` },
    resource: { type: "door", id: `door-${n}`, name: `Door ${n}` },
    metadata: { n, from: "viewer", to: ["editor", null, 0.5] },
    context: {
      ipAddress: `203.0.113.${n % 256}`,
      userAgent: "curl/8.9.1",
      requestId: `request-${n}`,
      traceId: `trace-${n}`,
    },
    occurTime: { seconds: 1_772_366_400n + sequence, nanos: 120_000_000 },
  };
}
