import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { DetailsState } from "../../gen/audit/v1/entry_pb.ts";
import { type CliResult, linesOf, runCli } from "../support/cli.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let cwd: string;
let teamId: string;
let userId: string;
let token: string;
let audit: TestClients["audit"];

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
  cwd = await mkdtemp(join(tmpdir(), "annals-cli-"));
  cleanup.defer(() => rm(cwd, { recursive: true }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  userId = newId("usr");
  token = await server.jwt({ role: "admin", teamId, sub: userId, name: "Ada" });
  audit = server.clients(token).audit;
});

function annals(...args: string[]): Promise<CliResult> {
  return runCli(args, { cwd, env: { ANNALS_URL: server.url, ANNALS_TOKEN: token } });
}

async function record(count: number): Promise<string[]> {
  const entries = Array.from({ length: count }, () => ({ action: "note" }));
  const { results } = await audit.recordBatch({ entries });
  return results.map(({ outcome }) => (outcome.case === "entry" ? outcome.value.id : ""));
}

const states = async () =>
  (await audit.list({ pageSize: 200 })).entries
    .toReversed()
    .map(({ detailsState }) => detailsState);
const { ERASED, PRESENT } = DetailsState;

test("erases the entries whose ids are given, and says which and where that is recorded", async () => {
  const [one = "", two = "", three = "", four = ""] = await record(4);
  const { code, stdout, stderr } = await annals("erase", four, one, two, "--yes");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { entries } = await audit.list({ pageSize: 1 });
  expect(stdout).toBe(
    `erased the details of 3 entries (1-2, 4), recorded as entry 5 (${entries[0]?.id})\n`,
  );
  expect(await states()).toEqual([ERASED, ERASED, PRESENT, ERASED, PRESENT]);

  const single = await annals("erase", three, "--yes");
  expect(single.stdout).toMatch(/^erased the details of 1 entry \(3\), recorded as entry 6 /);
  expect(await annals("erase", one, three, "--yes")).toMatchObject({
    code: 0,
    stdout: "nothing to erase: no details, or erased before\n",
  });
});

test("erases all of an actor's entries, in as many calls as it takes", async () => {
  for (const count of [500, 500, 300]) await record(count);
  const { code, stdout } = await annals("erase", "--actor", userId, "--yes");
  expect(code).toBe(0);
  expect(linesOf(stdout)).toMatchObject([
    expect.stringMatching(/^erased the details of 500 entries \(1-500\), recorded as entry 1301 /),
    expect.stringMatching(
      /^erased the details of 500 entries \(501-1000\), recorded as entry 1302 /,
    ),
    expect.stringMatching(
      /^erased the details of 300 entries \(1001-1300\), recorded as entry 1303 /,
    ),
    "1300 entries in all",
  ]);
});

test("lists many ranges of sequences as far as they fit", async () => {
  const ids = await record(30);
  const { stdout } = await annals("erase", ...ids.filter((_, i) => i % 3 === 0), "--yes");
  expect(stdout).toContain("10 entries (1, 4, 7, 10, 13, 16, 19, 22 …)");
});

test("prints one JSON object a call", async () => {
  const [one = "", , three = ""] = await record(3);
  const { stdout } = await annals("erase", one, three, "--yes", "--json");
  expect(linesOf(stdout).map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      erasedSequences: [1, 3],
      entry: { sequence: 4, action: "erase_details", metadata: { sequences: ["1", "3"] } },
    },
  ]);
  const again = await annals("erase", one, "--yes", "--json");
  expect(JSON.parse(again.stdout)).toEqual({ erasedSequences: [] });
});

test("erases nothing without --yes where nobody can be asked", async () => {
  const [id = ""] = await record(1);
  const { code, stdout, stderr } = await annals("erase", id);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("give --yes");
  expect(await states()).toEqual([PRESENT]);
});

test.each([
  ["nothing to erase", ["erase", "--yes"]],
  ["an empty actor", ["erase", "--actor", "", "--yes"]],
  ["ids and an actor", ["erase", "log-1", "--actor", "usr-1", "--yes"]],
])("%s is wrong usage", async (_, args) => {
  const { code, stderr } = await annals(...args);
  expect(code).toBe(2);
  expect(stderr).toContain("--actor");
});

test("an unknown id is not found, and a member may not erase", async () => {
  const [id = ""] = await record(1);
  expect((await annals("erase", id, newId("log"), "--yes")).code).toBe(4);
  token = await server.jwt({ role: "member", teamId });
  const { code, stderr } = await annals("erase", id, "--yes");
  expect(code).toBe(3);
  expect(stderr).toContain("only admins and owners may erase details");
  expect(await states()).toEqual([PRESENT]);
});
