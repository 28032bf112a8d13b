import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { linesOf, sequencesOf, upTo, useCli } from "../support/cli.ts";
import { OTHER_TEAM } from "../support/fake-service.ts";

const cli = useCli();

describe("tail", () => {
  it("follows, goes on after a restart of the server and prints nothing twice", async () => {
    cli.fake.append({}, {});
    const running = cli.start(["tail", "--from-beginning", "--json"]);
    await vi.waitFor(() => expect(sequencesOf(running.stdout)).toEqual([1, 2]), 10_000);
    await cli.fake.stop();
    await vi.waitFor(() => expect(running.stderr).toContain("annals: not connected to"), 10_000);
    cli.fake.append({}, {});
    await cli.fake.start();
    await vi.waitFor(() => expect(sequencesOf(running.stdout)).toEqual(upTo(4)), 10_000);
    cli.fake.append({});
    await vi.waitFor(() => expect(sequencesOf(running.stdout)).toEqual(upTo(5)), 10_000);
    expect(linesOf(running.stderr)).toEqual([
      expect.stringMatching(/^annals: not connected to http.*; trying again$/),
      "annals: connected again",
    ]);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(0);
  });

  it("goes on from the cursor file in the next run", async () => {
    const args = [
      "tail",
      "--json",
      "--cursor-file",
      "position",
      "--from-beginning",
      "--stop-at-head",
    ];
    cli.fake.append({}, {}, {});
    expect(sequencesOf((await cli.annals(args)).stdout)).toEqual([1, 2, 3]);
    expect((await cli.annals(args)).stdout).toBe("");
    cli.fake.append({}, {});
    expect(sequencesOf((await cli.annals(args)).stdout)).toEqual([4, 5]);
    expect(await readdir(cli.cwd)).toEqual(["position"]);
    expect(JSON.parse(await readFile(join(cli.cwd, "position"), "utf8"))).toMatchObject({
      cursor: "5",
    });
  });

  it("prints nothing twice across runs over all teams, where a resume repeats entries", async () => {
    cli.fake.repeatOnResume = 2;
    const args = [
      "tail",
      "--all-teams",
      "--json",
      "--cursor-file",
      "p",
      "--from-beginning",
      "--stop-at-head",
    ];
    cli.fake.append({}, { teamId: OTHER_TEAM }, {});
    expect(sequencesOf((await cli.annals(args)).stdout)).toEqual([1, 1, 2]);
    cli.fake.append({ teamId: OTHER_TEAM });
    expect(sequencesOf((await cli.annals(args)).stdout)).toEqual([2]);
  });

  it("keeps the position of a quiet log, and ends with 0 on SIGTERM", async () => {
    cli.fake.append({});
    const running = cli.start(["tail", "--json", "--cursor-file", "position"]);
    const saved = () => readFile(join(cli.cwd, "position"), "utf8");
    await vi.waitFor(async () => expect(await saved()).toContain('"cursor":"1"'), 10_000);
    running.child.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 0, stdout: "" });
  });

  it("refuses a file that is no cursor file, and leaves it as it is", async () => {
    await writeFile(join(cli.cwd, "notes"), "precious\n");
    await chmod(join(cli.cwd, "notes"), 0o644);
    const { code, stderr } = await cli.annals(["tail", "--cursor-file", "notes"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "annals: notes is not a cursor file; remove it to start afresh\n",
    });
    expect(await readFile(join(cli.cwd, "notes"), "utf8")).toBe("precious\n");
  });

  it("ends with the error of a log that was rolled back", async () => {
    cli.fake.scripts.push(async function* () {
      yield* [];
      throw new ConnectError("the log contradicts the cursor", Code.DataLoss);
    });
    expect(await cli.annals(["tail", "--after", "9"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("data loss: the log contradicts the cursor"),
    });
  });

  it("ends quietly when the reader of the pipe has gone", async () => {
    cli.fake.append({});
    const running = cli.start(["tail", "--from-beginning", "--json"]);
    running.child.stdout.once("data", () => running.child.stdout.destroy());
    await vi.waitFor(() => expect(running.stdout).not.toBe(""), 10_000);
    const appending = setInterval(() => cli.fake.append({}), 20);
    try {
      expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
    } finally {
      clearInterval(appending);
    }
  });
});
