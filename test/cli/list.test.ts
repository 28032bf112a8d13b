import { describe, expect, it } from "vitest";
import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import { ActorType, EntryScope, EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { linesOf, sequencesOf, upTo, useCli } from "../support/cli.ts";
import { OTHER_TEAM, TEAM } from "../support/fake-service.ts";

const cli = useCli();
const ada = { type: ActorType.USER, id: "usr-1", name: "Ada Lovelace" };
const evil = "\u001b[31mred\u001b[0m\u0007\n\u009b2J\u202edrawkcab";

describe("list", () => {
  it("prints a table without colours into a pipe, nothing cut", async () => {
    const name = "a name that is much longer than any column of the table would ever be ".trim();
    cli.fake.append(
      { actor: ada, resource: { type: "sandbox", id: "sb-1", name }, scope: EntryScope.ADMIN },
      { actor: { type: ActorType.SYSTEM, id: "system" }, status: EntryStatus.ERROR },
    );
    const { code, stdout, stderr } = await cli.annals(["list"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(linesOf(stdout).map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["#", "TIME", "ACTOR", "ACTION", "RESOURCE", "STATUS"],
      ["2", "2026-03-01 12:00:00", "system", "create", "error"],
      ["1", "2026-03-01 12:00:00", "Ada Lovelace", "create (admin)", `sandbox ${name}`, "success"],
    ]);
  });

  it("prints one JSON object a line", async () => {
    cli.fake.append({ actor: ada }, { metadata: { a: [1, null] } });
    const { stdout } = await cli.annals(["list", "--json", "--order", "oldest"]);
    expect(linesOf(stdout).map((line) => JSON.parse(line) as unknown)).toMatchObject([
      {
        sequence: 1,
        actor: { type: "user", id: "usr-1", name: "Ada Lovelace" },
        status: "success",
      },
      { sequence: 2, metadata: { a: [1, null] }, recordTime: "2026-03-01T12:00:00.001Z" },
    ]);
  });

  it("has colours when they are forced, and none with NO_COLOR", async () => {
    cli.fake.append({ status: EntryStatus.ERROR });
    const coloured = await cli.annals(["list"], { FORCE_COLOR: "1" });
    expect(coloured.stdout).toContain("\u001b[31merror\u001b[39m");
    const plain = await cli.annals(["list"], { NO_COLOR: "1" });
    expect(plain.stdout).not.toContain("\u001b");
  });

  it.each([
    [["list"]],
    [["list", "--json"]],
    [["get", "1"]],
    [["tail", "--last", "1", "--stop-at-head"]],
  ])("never lets recorded text control the terminal: %j", async (args) => {
    cli.fake.append({
      actor: { type: ActorType.USER, id: evil, name: evil },
      resource: { type: "sandbox", id: evil, name: evil },
      metadata: { [evil]: evil },
      context: { userAgent: evil },
    });
    const { code, stdout } = await cli.annals(args);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(stdout).toContain("\\u001b[31mred");
  });

  it("pages up to the limit", async () => {
    cli.fake.append(...Array.from({ length: 450 }, () => ({})));
    const { stdout } = await cli.annals(["list", "--json", "--limit", "420", "--order", "oldest"]);
    expect(sequencesOf(stdout)).toEqual(upTo(420));
    expect(cli.fake.listRequests.map(({ pageSize }) => pageSize)).toEqual([200, 200, 20]);
  });

  it("goes on after an empty page that is not the last", async () => {
    cli.fake.append(...Array.from({ length: 300 }, () => ({})), { action: "destroy" });
    const args = ["list", "--json", "--order", "oldest", "--action", "destroy"];
    expect(sequencesOf((await cli.annals(args)).stdout)).toEqual([301]);
  });

  it("sends every filter flag", async () => {
    const result = await cli.annals([
      ...["list", "--actor", "usr-1", "--actor", "usr-2", "--actor-type", "api_key"],
      ...["--action", "create", "--resource-type", "sandbox", "--resource", "sb-1"],
      ...["--scope", "admin", "--status", "error", "--status", "warning", "--request-id", "r-1"],
      ...["--since", "2026-03-01T00:00:00Z", "--until", "2026-03-02T00:00:00+01:00"],
      ...["--exclude-action", "list", "--exclude-status", "success", "--occurred-since", "24h"],
      ...["--order", "oldest", "--limit", "7"],
    ]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(cli.fake.listRequests[0]).toMatchObject({
      order: ListOrder.OLDEST_FIRST,
      pageSize: 7,
      filter: {
        actorIds: ["usr-1", "usr-2"],
        actorTypes: [ActorType.API_KEY],
        actions: ["create"],
        resourceTypes: ["sandbox"],
        resourceIds: ["sb-1"],
        scopes: [EntryScope.ADMIN],
        statuses: [EntryStatus.ERROR, EntryStatus.WARNING],
        requestIds: ["r-1"],
        recordTime: { from: { seconds: 1772323200n }, to: { seconds: 1772406000n } },
        exclude: { actions: ["list"], statuses: [EntryStatus.SUCCESS] },
      },
    });
    expect(cli.fake.listRequests[0]?.filter?.occurTime?.to).toBeUndefined();
  });

  it("lists all teams, over a team from the environment but not over the flag", async () => {
    cli.fake.append({}, { teamId: OTHER_TEAM });
    const all = await cli.annals(["list", "--all-teams"], { ANNALS_TEAM: TEAM });
    expect(linesOf(all.stdout)[0]).toMatch(/TIME +TEAM +ACTOR/);
    expect(cli.fake.listRequests[0]).toMatchObject({ allTeams: true, teamId: "" });
    const both = await cli.annals(["list", "--all-teams", "--team", TEAM]);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining("exclude each other") });
  });

  it("ends quietly when the reader of the pipe has gone", async () => {
    cli.fake.append(
      ...Array.from({ length: 2_000 }, () => ({ metadata: { text: "x".repeat(500) } })),
    );
    const running = cli.start(["list", "--json", "--limit", "2000"]);
    running.child.stdout.once("data", () => running.child.stdout.destroy());
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("get", () => {
  it("shows an entry by id or number, for people or as JSON", async () => {
    cli.fake.append({ id: "log-1", actor: ada, metadata: { vcpus: 2 } });
    const shown = await cli.annals(["get", "log-1"]);
    expect(shown.stdout).toContain('actor      user usr-1 "Ada Lovelace"\n');
    expect(shown.stdout).toContain('{\n  "vcpus": 2\n}\n');
    const { stdout } = await cli.annals(["get", "1", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ id: "log-1", sequence: 1 });
  });
});
