import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createRecorder } from "../../../src/client/recorder/create-recorder.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let db: Client;
let teamId: `team-${string}`;

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
  db = new Client({ connectionString: server.databaseUrl });
  await db.connect();
  cleanup.defer(() => db.end());
  // As if what Annals writes beside the entry were refused, which is no fault of the entry's.
  await db.query(`
    CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'broken' USING ERRCODE = 'unique_violation';
    END $$`);
});
afterAll(() => cleanup.disposeAsync());
afterEach(() => mend());
beforeEach(async () => {
  teamId = newId("team") as typeof teamId;
  await db.query(`
    CREATE TRIGGER poison BEFORE INSERT ON control_plane.audit_logs FOR EACH ROW
      WHEN (NEW.action = 'poison') EXECUTE FUNCTION poison()`);
});

const mend = () => db.query("DROP TRIGGER IF EXISTS poison ON control_plane.audit_logs");
const open = async () => {
  const token = await server.jwt({ role: "service", grants: ["read_admin"] });
  return createRecorder({ baseUrl: server.url, token, backoff: { baseMs: 5, maxMs: 20 } });
};
const actions = async (team: string) => {
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const { entries } = await audit.list({ teamId: team, pageSize: 200 });
  return entries.toReversed().map(({ action }) => action);
};

test("an entry that the server puts off alone is recorded before those behind it; other teams go on", async () => {
  await using recorder = await open();
  const other = newId("team") as typeof teamId;
  const sent = ["one", "poison", "two", "three"];
  for (const action of sent) {
    recorder.record({ teamId, action });
    recorder.record({ teamId: other, action: `other.${action}` });
  }
  await expect.poll(() => actions(other)).toHaveLength(4);
  expect(await actions(teamId)).toEqual(["one"]);
  await mend();
  expect(await recorder.flush()).toBe(true);
  expect(await actions(teamId)).toEqual(sent);
  expect(recorder.stats).toMatchObject({ recorded: 8, refused: {} });
});

test("an entry that the server puts off for good is given up, and those behind it are not", async () => {
  await using recorder = await open();
  recorder.on("refused", () => undefined);
  for (const action of ["one", "poison", "two", "poison", "three"]) {
    recorder.record({ teamId, action });
  }
  expect(await recorder.flush()).toBe(true);
  expect(await actions(teamId)).toEqual(["one", "two", "three"]);
  expect(recorder.stats).toMatchObject({ recorded: 3, refused: { INTERNAL: 2 } });
});
