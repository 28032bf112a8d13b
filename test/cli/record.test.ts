import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { linesOf, sequencesOf, upTo, useCli } from "../support/cli.ts";
import { OTHER_TEAM, TEAM } from "../support/fake-service.ts";

const cli = useCli();

describe("record", () => {
  it("records an entry from flags", async () => {
    const result = await cli.annals([
      ...["record", "--action", "create", "--actor-type", "api_key", "--actor", "key-1"],
      ...["--actor-name", "bot", "--resource-type", "sandbox", "--resource", "sb-1"],
      ...["--resource-name", "runner", "--scope", "admin", "--status", "warning"],
      ...["--metadata", '{"vcpus": 2}', "--ip-address", "::1", "--request-id", "r-1"],
      ...["--occur-time", "2026-03-01T12:00:00.5Z", "--team", OTHER_TEAM, "--json"],
    ]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(result.stdout)).toMatchObject({
      id: expect.stringMatching(/^log-[0-9a-f-]{36}$/),
      teamId: OTHER_TEAM,
      sequence: 1,
      actor: { type: "api_key", id: "key-1", name: "bot" },
      resource: { type: "sandbox", id: "sb-1", name: "runner" },
      action: "create",
      scope: "admin",
      status: "warning",
      metadata: { vcpus: 2 },
      context: { ipAddress: "::1", requestId: "r-1" },
      occurTime: "2026-03-01T12:00:00.500Z",
    });
    expect(cli.fake.entries).toHaveLength(1);
  });

  it("says what it recorded, and nothing changes when the id is recorded again", async () => {
    const args = ["record", "--action", "create", "--id", "log-1"];
    const first = await cli.annals(args);
    expect(first).toEqual({
      code: 0,
      stdout: `recorded log-1 as number 1 of ${TEAM}\n`,
      stderr: "",
    });
    expect(await cli.annals(args)).toEqual(first);
  });

  it("shows message, fields and request id of a refusal, and no stack", async () => {
    const { code, stdout, stderr } = await cli.annals(["record", "--action", "NO"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(linesOf(stderr)).toEqual([
      "annals: invalid argument: an invalid entry",
      "  entry.action: must be words",
      "  request id: req-from-fake",
    ]);
  });

  it("gives the id to try again with when the answer was lost", async () => {
    cli.fake.failures.push(new ConnectError("going down", Code.Unavailable));
    const { code, stderr } = await cli.annals(["record", "--action", "create"]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/try again with --id log-[0-9a-f-]{36}\n/);
  });

  it("reads NDJSON, reports each refused line by its number and records the others", async () => {
    const input = [
      '{"action":"create","actor":{"type":"user","id":"usr-1"}}',
      "",
      "not json",
      '{"action":"NO"}',
      '{"action":"create","acton":"x"}',
      '{"action":"create","metadata":{"n":12345678901234567890}}',
      '{"action":"destroy","status":"error"}',
    ].join("\n");
    const { code, stdout, stderr } = await cli.annals(["record", "--stdin"], {}, input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(/^line 3: not JSON: /),
      "line 5: acton: unknown field",
      expect.stringMatching(/^line 6: not JSON: 12345678901234567890 is too large/),
      "line 4: action: must be words",
      "2 recorded, 4 refused",
    ]);
    expect(cli.fake.entries.map(({ action }) => action)).toEqual(["create", "destroy"]);
  });

  it("reads thousands of lines in order and prints what was recorded", async () => {
    const input = Array.from(
      { length: 3_000 },
      (_, i) => `{"action":"create","metadata":{"i":${i}}}\n`,
    );
    const { code, stdout, stderr } = await cli.annals(
      ["record", "--stdin", "--json"],
      {},
      input.join(""),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "3000 recorded, 0 refused\n" });
    expect(sequencesOf(stdout)).toEqual(upTo(3_000));
    expect(cli.fake.entries.map(({ metadata }) => metadata?.i)).toEqual(
      upTo(3_000).map((n) => n - 1),
    );
  });

  it("records a line as soon as it comes, and tries again when the server is away", async () => {
    const running = cli.start(["record", "--stdin"]);
    running.child.stdin.write('{"action":"create"}\n{"action":"des');
    await vi.waitFor(() => expect(cli.fake.entries).toHaveLength(1), 10_000);
    cli.fake.failures.push(new ConnectError("going down", Code.Unavailable));
    running.child.stdin.end('troy"}');
    expect(await running.ended).toMatchObject({ code: 0, stderr: "2 recorded, 0 refused\n" });
    expect(cli.fake.entries.map(({ action }) => action)).toEqual(["create", "destroy"]);
  });
});
