import { cp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { formatVerifierKey } from "../../src/log/note.ts";
import { formatSigningKey, makeSigningKey, parseSigningKey } from "../../src/log/signing-key.ts";
import { runCli } from "../support/cli.ts";
import { createDataDir, type TestDataDir } from "../support/data-dir.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

let directory: TestDataDir;
let dataDir: string;
beforeEach(async () => {
  directory = await createDataDir();
  dataDir = directory.path;
});
afterEach(() => directory[Symbol.asyncDispose]());

const read = async (name: string) => (await readFile(join(dataDir, name), "utf8")).trim();
const modeOf = async (name: string) => (await stat(join(dataDir, name))).mode & 0o777;
const start = (env?: Record<string, string>) => startTestServer({ dataDir, ...(env && { env }) });

async function client(server: TestServer, teamId: string) {
  const { audit, transport } = server.clients(await server.jwt({ role: "owner", teamId }));
  return { audit, proofs: createClient(ProofService, transport) };
}

test("the first start makes a key for its owner only, and the key that verifies; the next keeps them", async () => {
  dataDir = join(dataDir, "not-there-yet");
  const teamId = newId("team");
  let seen: string;
  {
    await using server = await start();
    const { audit, proofs } = await client(server, teamId);
    await audit.record({ entry: { action: "create" } });
    seen = (await proofs.getCheckpoint({})).checkpoint;
  }
  const key = await read("signing-key");
  const verifierKey = await read("verifier-key");
  expect(await modeOf("signing-key")).toBe(0o600);
  expect(await modeOf("checkpoints")).toBe(0o700);
  expect(formatVerifierKey(parseSigningKey(key).verifier)).toBe(verifierKey);
  const [origin] = verifierKey.split("+");
  expect(origin).toMatch(/^localhost\/annals-[0-9a-f]{8}$/);
  const verifier = new Verifier({ keys: [verifierKey] });
  expect(await verifier.verifyCheckpoint(seen, teamId)).toMatchObject({
    origin: `${origin}/${teamId}`,
    size: 1n,
  });

  await using server = await start();
  const { proofs } = await client(server, teamId);
  expect((await proofs.getCheckpoint({})).checkpoint).toBe(seen);
  expect(await read("signing-key")).toBe(key);
  expect(server.logs.join()).not.toContain("PRIVATE+KEY");
});

test("the key is named as CHECKPOINT_ORIGIN says, which cannot change afterwards unnoticed", async () => {
  await (await start({ CHECKPOINT_ORIGIN: "audit.example.com" })).close();
  expect(await read("verifier-key")).toMatch(/^audit\.example\.com\+/);
  await expect(start({ CHECKPOINT_ORIGIN: "other.example.com" })).rejects.toThrow(
    /CHECKPOINT_ORIGIN: .*audit\.example\.com/,
  );
  await (await start()).close();
});

test("a configured key and store are used instead, and the verifier key is written all the same", async () => {
  const key = makeSigningKey("audit.example.com");
  const store = join(dataDir, "elsewhere");
  const env = { CHECKPOINT_KEY: formatSigningKey(key), CHECKPOINT_STORE: store };
  await (await start(env)).close();
  expect(await read("verifier-key")).toBe(formatVerifierKey(key.verifier));
  expect((await stat(store)).isDirectory()).toBe(true);
  await expect(stat(join(dataDir, "signing-key"))).rejects.toThrow("ENOENT");
  await expect(stat(join(dataDir, "checkpoints"))).rejects.toThrow("ENOENT");
});

test("a key file that holds something else is neither used nor replaced nor repeated", async () => {
  await writeFile(join(dataDir, "signing-key"), "PRIVATE+KEY+hunter2\n");
  const error = await start().catch((failure: unknown) => failure);
  expect(String(error)).toContain(join(dataDir, "signing-key"));
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  expect(await read("signing-key")).toBe("PRIVATE+KEY+hunter2");
});

test("a database put back to an older state is refused, until that is accepted on the stopped server", async () => {
  const teamId = newId("team");
  const record = async (server: TestServer, actions: readonly string[]) => {
    const { audit } = await client(server, teamId);
    const { results } = await audit.recordBatch({ entries: actions.map((action) => ({ action })) });
    return results.map(({ outcome }) => outcome.case);
  };
  {
    await using server = await start();
    await record(server, ["one", "two"]);
  }
  await cp(join(dataDir, "postgres"), join(dataDir, "backup"), { recursive: true });
  {
    await using server = await start();
    await record(server, ["three"]);
  }
  await rm(join(dataDir, "postgres"), { recursive: true });
  await cp(join(dataDir, "backup"), join(dataDir, "postgres"), { recursive: true });

  const accept = () =>
    runCli(["accept-rollback", "--team", teamId, "--yes"], {
      cwd: dataDir,
      env: { DATA_DIR: dataDir },
    });
  {
    await using server = await start();
    expect(await record(server, ["other"])).toEqual(["error"]);
    const { proofs } = await client(server, teamId);
    expect(await refusal(proofs.getCheckpoint({}))).toMatchObject({
      reason: "LOG_CONTRADICTS_CHECKPOINT",
      metadata: { signed_size: "3", size: "2" },
    });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    const early = await accept();
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining("another annals") });
  }
  expect(await accept()).toMatchObject({ code: 0, stdout: expect.stringContaining("accepted") });
  await using server = await start();
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect(await record(server, ["other"])).toEqual(["entry"]);
  const { audit } = await client(server, teamId);
  const actions = (await audit.list({})).entries.map(({ action }) => action);
  expect(actions).toEqual(["other", "accept_rollback", "two", "one"]);
});
