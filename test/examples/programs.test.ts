import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { FakeService, TEAM, TOKEN } from "../support/fake-service.ts";
import { programEnv } from "../support/program-env.ts";

const fake = new FakeService();
const running: ChildProcess[] = [];

beforeEach(() => fake.start());
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await fake.stop();
  fake.entries.length = 0;
});

/** Runs a program of the examples, recording to the service or to none. */
function start(program: string, args: readonly string[], env: Record<string, string>) {
  const path = fileURLToPath(new URL(`../../examples/${program}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...programEnv, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data) => {
    output.stderr += data;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output, ended };
}

it("the operator's command is recorded before it ends", async () => {
  const env = { ANNALS_URL: fake.url, ANNALS_TOKEN: TOKEN };
  const { ended } = start("operator/main.ts", ["secret", "set", "db-password", "3"], env);
  expect(await ended).toBe(0);
  expect(fake.entries).toMatchObject([
    {
      action: "set",
      resource: { type: "secret", id: "db-password" },
      scope: EntryScope.ADMIN,
      metadata: { version: 3 },
      actor: { id: "operator-cli", name: userInfo().username },
    },
  ]);
});

it("the operator's command works without a server, and says once that nothing is recorded", async () => {
  const { ended, output } = start("operator/main.ts", ["secret", "delete", "db-password"], {});
  expect(await ended).toBe(0);
  expect(output.stderr.match(/nothing is recorded/g)).toHaveLength(1);
});

it("the platform's service records what it is asked to do, and ends what it has begun", async () => {
  const { child, output, ended } = start("sandbox-platform/main.ts", [], {
    ANNALS_URL: fake.url,
    ANNALS_TOKEN: TOKEN,
    TEAM_ID: TEAM,
    PORT: "0",
  });
  await vi.waitFor(() => expect(output.stdout).toContain("\n"), 10_000);
  const response = await fetch(new URL("/hosts", output.stdout.trim()), { method: "POST" });
  expect(response.status).toBe(200);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(fake.entries).toMatchObject([
    {
      teamId: TEAM,
      action: "create",
      resource: { type: "host", id: await response.json() },
      actor: { name: "Ada Lovelace" },
      context: { ipAddress: "127.0.0.1" },
    },
  ]);
});
