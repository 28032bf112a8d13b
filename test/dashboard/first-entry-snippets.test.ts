import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  firstEntrySnippets,
  type Snippet,
} from "../../src/dashboard/states/first-entry-snippets.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const run = promisify(execFile);
const packages = fileURLToPath(new URL("../../node_modules", import.meta.url));

describe("what an empty team is shown", () => {
  let server: TestServer;
  let directory: string;
  beforeAll(async () => {
    server = await startTestServer();
    directory = await mkdtemp(join(tmpdir(), "annals-snippets-"));
    await symlink(packages, join(directory, "node_modules"));
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  const isInstalled = (program: string) =>
    run(program, program === "go" ? ["version"] : ["--version"]).then(
      () => true,
      () => false,
    );
  /** How each is run: the file that it is in, and the command. */
  const runs: Record<Snippet["name"], [file: string, program: string, ...args: string[]]> = {
    curl: ["first.sh", "sh"],
    TypeScript: ["first.mts", process.execPath],
    Go: ["first.go", "go", "run"],
    Python: ["first.py", "python3"],
  };

  it.each(["curl", "TypeScript", "Go", "Python"] as const)(
    "records an entry with %s, as it is",
    async (name) => {
      const [file, program, ...args] = runs[name];
      const needed = name === "curl" ? "curl" : program;
      if (name === "Go" && !(await isInstalled("go"))) {
        console.warn("go is not installed: its snippet was not run");
        return;
      }
      if (name !== "TypeScript") expect(await isInstalled(needed), `${needed} is there`).toBe(true);
      const teamId = newId("team");
      const token = await server.jwt({ role: "admin", teamId });
      const snippets = firstEntrySnippets({ origin: server.url, teamId });
      const { code } = snippets.find((each) => each.name === name) ?? { code: "" };
      await writeFile(join(directory, file), code);
      const { stdout } = await run(program, [...args, file], {
        cwd: directory,
        env: {
          PATH: process.env.PATH,
          HOME: homedir(),
          ANNALS_TOKEN: token,
          // A program of the standard library alone needs nothing from anywhere.
          ...{ GOPROXY: "off", GOTOOLCHAIN: "local", GO111MODULE: "off" },
        },
      });
      if (name !== "TypeScript") expect(stdout).toContain(teamId);
      const { entries } = await server.clients(token).audit.list({ teamId });
      expect(entries).toMatchObject([
        { action: "create", resource: { type: "snapshot", id: "nightly" }, sequence: 1n },
      ]);
    },
    180_000,
  );
});
