import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { describe, expect, it, vi } from "vitest";
import { ExportFile } from "../../src/cli/export-file.ts";
import { runExport } from "../../src/cli/export-run.ts";
import { openLog } from "../../src/cli/open-log.ts";
import { createAuditClient } from "../../src/client/client.ts";
import type { EntryJson } from "../../src/client/entry-json.ts";
import { ndjson } from "../../src/client/export-format.ts";
import { VerificationError } from "../../src/client/verify/fault.ts";
import { parseTeamId, type TeamId } from "../../src/ids.ts";
import { Superuser } from "../attacks/superuser.ts";
import { signedLog } from "../client/signed-log.ts";
import { linesOf, upTo } from "../support/cli.ts";
import { succeeded, useCliLog } from "../support/cli-log.ts";
import { meddling, rolledBackTo } from "../support/meddling.ts";
import { createDatabase } from "../support/postgres.ts";
import { startTestServer } from "../support/server.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const log = useCliLog();
const origin = () => `audit.example.com/${log.teamId}`;
const superuser = () => Superuser.connect(log.database.url, parseTeamId(log.teamId) as TeamId);
const jsonLines = async (name: string) =>
  linesOf(await log.read(name)).map((line) => JSON.parse(line) as Record<string, unknown>);
const files = async () => (await readdir(log.cwd)).filter((name) => name !== "state").toSorted();
const savedState = async (name: string) =>
  JSON.parse(await log.read(`${name}.part.state`)) as { bytes: number; state: { entries: number } };

/** A log of about 10 MB, of which compression leaves half. */
const recordLarge = async (count = 400) => {
  const large = () => ({ metadata: { text: randomBytes(12_000).toString("hex") } });
  for (let made = 0; made < count; made += 100) await log.record(100, large);
};

/** Holds every connection once so many bytes have come from the server. */
const holdAfter = (proxy: TcpProxy, limit: number) => {
  let bytes = 0;
  proxy.fromServer = (chunk) => {
    bytes += chunk.length;
    return bytes < limit ? "pass" : "hold";
  };
};

/** Exports the log in this process, with something between it and the server. */
async function exportThrough(name: string, ...interceptors: Interceptor[]) {
  const { ANNALS_URL: url = "", ANNALS_TOKEN: token = "" } = await log.env();
  using client = createAuditClient({ baseUrl: url, token, interceptors });
  const retry = { signal: AbortSignal.timeout(20_000) };
  const key = [log.checkpoints.verifierKey];
  const state = join(log.cwd, "state");
  const opened = await openLog(client, { url, key, state, team: log.teamId }, retry);
  await using file = await ExportFile.open(join(log.cwd, name), "all", false);
  return await runExport({
    ...{ client, log: opened, file, format: ndjson, withProofs: true, allowPruned: false, retry },
    header: { origin: origin(), teamId: log.teamId, complete: true },
    asked: { asked: "all" },
    onProgress: () => undefined,
  });
}

describe("export", () => {
  it("writes a whole log, which verify --file proves to be whole", async () => {
    await log.record(650);
    const printed = succeeded(await log.annals(["export", "-o", "all.ndjson"]));
    expect(printed).toBe(`all.ndjson: 650 entries of ${origin()} up to entry 650\n`);
    expect(await files()).toEqual(["all.ndjson"]);
    expect((await stat(join(log.cwd, "all.ndjson"))).mode & 0o777).toBe(0o600);

    const [header, ...rest] = await jsonLines("all.ndjson");
    const end = rest.pop();
    expect(header).toEqual({
      export: { version: 1, origin: origin(), teamId: log.teamId, complete: true },
    });
    expect(rest.map(({ sequence }) => sequence)).toEqual(upTo(650));
    expect(end).toMatchObject({ entries: 650, withheld: 0 });
    expect(end?.checkpoint).toMatch(`${origin()}\n650\n`);
    const shown = succeeded(await log.annals(["verify", "--file", "all.ndjson"]));
    expect(shown).toContain(
      `all.ndjson is the whole log ${origin()}, unchanged, up to entry 650\n`,
    );
    expect(shown).toContain("opened     650: ");
  });

  it("gives a member what it may read, and the rest as hashes, which is not called whole", async () => {
    await log.record(70);
    const printed = succeeded(await log.annals(["export", "-o", "m"], { role: "member" }));
    expect(printed).toContain("60 entries and the hashes of 10 others");
    expect((await jsonLines("m"))[7]).toEqual({
      withheld: { sequence: 7, leafHash: expect.stringMatching(/^.{44}$/) },
    });
    const shown = succeeded(await log.annals(["verify", "--file", "m"]));
    expect(shown).toContain("opened     60: ");
    expect(shown).toContain("m: no position of ");
    expect(shown).toContain("is missing or changed: 60 of 70 entries opened\n");
    expect(shown).toContain("hashes     10 positions as hashes only: what they say was not seen");
    expect(await log.annals(["verify", "--file", "m", "--require-opened"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("10 positions as hashes only: what they say was not seen"),
    });
  });

  it("writes an empty log", async () => {
    succeeded(await log.annals(["export", "-o", "none", "--team", log.teamId]));
    expect(await jsonLines("none")).toHaveLength(2);
    const shown = succeeded(await log.annals(["verify", "--file", "none"]));
    expect(shown).toContain(`none: ${origin()} has no entries\n`);
  });

  it("proves each entry of a filtered one, and claims no more", async () => {
    await log.record(300);
    await log.record(40, { action: "delete", scope: 1 });
    await log.record(60);
    const filter = ["--action", "delete", "--since", "24h"];
    succeeded(await log.annals(["export", "-o", "some", ...filter], { role: "member" }));
    const lines = await jsonLines("some");
    expect(lines).toHaveLength(42);
    expect(lines[0]).toMatchObject({
      export: {
        complete: false,
        filter: { actions: ["delete"], recordTime: { from: expect.any(String) } },
        checkpoint: expect.stringContaining("\n400\n"),
      },
    });
    expect(lines[1]).toMatchObject({
      ...{ sequence: 301, action: "delete" },
      proof: { leafIndex: 300, hashes: expect.any(Array) },
    });
    const shown = succeeded(await log.annals(["verify", "--file", "some"]));
    expect(shown).toContain(`each entry of some is in the log ${origin()}, as it was recorded\n`);
    expect(shown).toContain("opened     40: ");
    expect(shown).toContain("not proved that every entry which matches the filter is there\n");
    expect(shown).toContain('filter     {"actions":["delete"],');
    const json = succeeded(await log.annals(["verify", "--file", "some", "--json"]));
    expect(JSON.parse(json)).toMatchObject({ complete: false, opened: 40, size: "400" });
  });

  it("does not vouch for details that somebody has taken out, in a proof file neither", async () => {
    await log.record(3);
    succeeded(await log.annals(["export", "-o", "some", "--since", "24h"]));
    const bare = (line: string) => {
      const { metadata, context, detailsSalt, ...entry } = JSON.parse(line) as EntryJson;
      const { name, ...actor } = entry.actor ?? {};
      return JSON.stringify({ ...entry, actor, detailsState: "erased" });
    };
    const lines = linesOf(await log.read("some"));
    const stripped = lines.with(2, bare(lines[2] ?? ""));
    await log.write("some", stripped.map((line) => `${line}\n`).join(""));
    const shown = succeeded(await log.annals(["verify", "--file", "some"]));
    expect(shown).toContain(`each entry of some is in the log ${origin()}\n`);
    expect(shown).toContain("that the details of 1, which come without, were erased by right\n");

    succeeded(await log.annals(["prove", "2", "-o", "p"]));
    const proof = (await log.read("p")).split("\n");
    const extra = Buffer.from((proof[1] ?? "").slice("extra ".length), "base64").toString();
    const encoded = `extra ${Buffer.from(bare(extra)).toString("base64")}`;
    await log.write("p", proof.with(1, encoded).join("\n"));
    const proved = succeeded(await log.annals(["verify", "--proof", "p"]));
    expect(proved).not.toContain("as it was recorded");
    expect(proved).toContain("that they were erased by right is not proved here\n");
  });

  it("stops at the entry that is not the one recorded, and leaves no finished file", async () => {
    await log.record(30);
    await using attacker = await superuser();
    await attacker.edit(9n, "action = 'read'");
    for (const args of [
      ["export", "-o", "x"],
      ["export", "-o", "y", "--action", "read"],
    ]) {
      expect(await log.annals(args)).toMatchObject({
        code: 6,
        stderr: expect.stringContaining("first bad sequence: 9\n"),
      });
    }
    expect(await files()).toEqual([]);
  });

  it.each(["ndjson", "csv"])("is refused as often as it is asked for: %s", async (format) => {
    await log.record(30);
    await using attacker = await superuser();
    await attacker.edit(4n, "details_state = 'erased', details_salt = NULL, metadata = NULL");
    for (let run = 1; run <= 3; run++) {
      expect(await log.annals(["export", "-o", "x", "--format", format])).toMatchObject({
        code: 6,
        stderr: expect.stringContaining("fault: erasure_unexplained; first bad sequence: 4\n"),
      });
      expect(await files()).toEqual([]);
    }
  });

  it("knows after an interruption what was unexplained before", async () => {
    await log.record(1_200);
    await using attacker = await superuser();
    await attacker.edit(4n, "details_state = 'erased', details_salt = NULL, metadata = NULL");
    const cut = meddling(async (number) => {
      if (number > 1) throw new ConnectError("not now", Code.PermissionDenied);
      return "go on";
    });
    await expect(exportThrough("x", cut)).rejects.toThrow("not now");
    expect((await savedState("x")).state.entries).toBeGreaterThan(4);
    await expect(exportThrough("x")).rejects.toThrow(/^entry 4: .*no later entry says/);
  });

  it("is refused with the reason even if what it leaves cannot be tidied up", async () => {
    await log.record(10);
    await using attacker = await superuser();
    await attacker.edit(4n, "action = 'read'");
    const state = join(log.cwd, "x.part.state");
    const meddle = meddling(async () => {
      await rm(state, { recursive: true });
      await mkdir(join(state, "in-the-way"), { recursive: true });
      return "go on";
    });
    await expect(exportThrough("x", meddle)).rejects.toThrow(VerificationError);
  });

  it("reaches what was signed before, whatever an older checkpoint says", async () => {
    await log.record(10);
    const checkpoint = await log.checkpoint();
    await log.record(5);
    await exportThrough("all");
    await expect(exportThrough("x", rolledBackTo(checkpoint))).rejects.toThrow(
      "the log ends with entry 10, and 15 were signed for\n",
    );
  });

  it("takes a later checkpoint if details are erased while it reads", async () => {
    const entries = await log.record(1_500);
    const { audit } = log.server.clients(
      await log.server.jwt({ role: "admin", teamId: log.teamId }),
    );
    const meddle = meddling(async (number) => {
      const ids = [entries[1_490]?.id ?? ""];
      if (number === 1) await audit.erase({ teamId: log.teamId, ids });
      return "go on";
    });
    const result = await exportThrough("live", meddle);
    expect(result).toMatchObject({ entries: 1_501, checkpoint: { size: 1_501n } });
    const shown = succeeded(await log.annals(["verify", "--file", "live"]));
    expect(shown).toContain("opened     1501: hashed from what they say; the details of 1 were");
  });

  it("needs no more memory for a larger log", async () => {
    await recordLarge(1_600);
    // A large young generation would be promoted in bursts that end the process long before it is full.
    const env = { NODE_OPTIONS: "--max-old-space-size=32 --max-semi-space-size=1" };
    for (const args of [["export", "-o", "large"], ["verify", "--file", "large"], ["verify"]]) {
      const { code, stderr } = await log.annals(args, { env });
      expect(code, stderr).toBe(0);
    }
    expect((await stat(join(log.cwd, "large"))).size).toBeGreaterThan(38_000_000);
  }, 120_000);
});

describe("an export that was interrupted", { timeout: 120_000 }, () => {
  it("by kill -9 goes on and ends as if it had not been, whatever came in between", async () => {
    await recordLarge();
    succeeded(await log.annals(["export", "-o", "whole"]));
    await using proxy = await startTcpProxy(log.server.url);
    holdAfter(proxy, 3_500_000);
    const running = await log.start(["export", "-o", "cut"], { ANNALS_URL: proxy.url });
    await vi.waitFor(
      async () => expect((await savedState("cut")).state.entries).toBeGreaterThan(0),
      { timeout: 20_000 },
    );
    running.child.kill("SIGKILL");
    expect((await running.ended).code).toBe(null);

    expect(await files()).toContain("cut.part");
    expect(await files()).not.toContain("cut");
    expect(await log.annals(["verify", "--file", "cut.part"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("cut off"),
    });
    // What was not saved is cut off, and what is recorded now does not belong to it.
    await log.write("cut.part", `${await log.read("cut.part")}garbage`);
    await log.record(50);
    const resumed = await log.annals(["export", "-o", "cut"]);
    expect(resumed).toMatchObject({ code: 0, stderr: expect.stringMatching(/going on after \d+/) });
    expect(await readFile(join(log.cwd, "cut"))).toEqual(await readFile(join(log.cwd, "whole")));
    expect((await files()).filter((name) => name.startsWith("cut"))).toEqual(["cut"]);
    succeeded(await log.annals(["verify", "--file", "cut"]));
  });

  it.each([
    ["filtered", ["--since", "24h", "--exclude-action", "read"]],
    ["CSV", ["--format", "csv"]],
  ])("by SIGTERM likewise: %s", async (_, flags) => {
    await recordLarge();
    await using proxy = await startTcpProxy(log.server.url);
    holdAfter(proxy, 2_500_000);
    const args = ["export", "-o", "cut", ...flags];
    const running = await log.start(args, { ANNALS_URL: proxy.url });
    await vi.waitFor(() => expect(proxy.held).toBeGreaterThan(0), { timeout: 20_000 });
    running.child.kill("SIGTERM");
    expect(await running.ended).toEqual({
      code: 1,
      stdout: "",
      stderr: "annals: cut.part is not complete; the same command goes on from there\n",
    });
    const reached = (await savedState("cut")).state.entries;
    expect(reached).toBeGreaterThan(0);

    // A credential that has expired meanwhile costs nothing either.
    const expired = { env: { ANNALS_TOKEN: "nonsense" } };
    expect((await log.annals(args, expired)).code).toBe(3);
    expect((await log.annals(args)).stderr).toContain(`going on after ${reached} entries`);
    if (flags.includes("csv")) {
      succeeded(await log.annals(["export", "-o", "whole", ...flags]));
      expect(await log.read("cut")).toBe(await log.read("whole"));
    } else {
      const shown = succeeded(await log.annals(["verify", "--file", "cut"]));
      expect(shown).toContain("opened     400: ");
    }
  });

  it("is not written to where a symbolic link leads, neither anew nor on", async () => {
    await recordLarge();
    await log.write("precious", "precious");
    await symlink("precious", join(log.cwd, "x.part"));
    succeeded(await log.annals(["export", "-o", "x", "--restart"]));
    await symlink("nowhere", join(log.cwd, "y.part"));
    expect(await log.annals(["export", "-o", "y"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("y.part is there without its state"),
    });
    expect(await files()).toEqual(["precious", "x", "y.part"]);

    await using proxy = await startTcpProxy(log.server.url);
    holdAfter(proxy, 2_500_000);
    const running = await log.start(["export", "-o", "z"], { ANNALS_URL: proxy.url });
    await vi.waitFor(() => expect(proxy.held).toBeGreaterThan(0), { timeout: 20_000 });
    running.child.kill("SIGTERM");
    await running.ended;
    const target = `${await log.read("z.part")}of another`;
    await log.write("target", target);
    await rm(join(log.cwd, "z.part"));
    await symlink("target", join(log.cwd, "z.part"));
    expect(await log.annals(["export", "-o", "z"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("z.part, which its state tells of, is no file"),
    });
    expect(await log.read("target")).toBe(target);
    expect(await log.read("precious")).toBe("precious");
  });

  it("is not mixed up with another one", async () => {
    await recordLarge();
    await using proxy = await startTcpProxy(log.server.url);
    holdAfter(proxy, 2_500_000);
    const running = await log.start(["export", "-o", "x"], { ANNALS_URL: proxy.url });
    await vi.waitFor(() => expect(proxy.held).toBeGreaterThan(0), { timeout: 20_000 });
    const second = await log.annals(["export", "-o", "x"]);
    expect(second).toMatchObject({
      code: 2,
      stderr: "annals: another export is writing x.part\n",
    });
    running.child.kill("SIGTERM");
    await running.ended;
    const saved = await log.read("x.part.state");

    for (const flags of [
      ["--format", "csv"],
      ["--action", "create"],
      ["--since", "1h"],
    ]) {
      const other = await log.annals(["export", "-o", "x", ...flags]);
      expect(other).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("x.part is of another export"),
      });
    }
    expect(await log.read("x.part.state")).toBe(saved);
    for (const damaged of ["", saved.slice(0, -30), saved.replace('"bytes":', '"bytes":9')]) {
      await log.write("x.part.state", damaged);
      const { code, stderr } = await log.annals(["export", "-o", "x"]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("--restart") });
    }
    succeeded(await log.annals(["export", "-o", "x", "--restart", "--action", "create"]));
    expect(await files()).toEqual(["x"]);
    expect(await log.annals(["export", "-o", "x"])).toMatchObject({
      code: 2,
      stderr: "annals: x exists already: --restart replaces it in the end\n",
    });
    succeeded(await log.annals(["export", "-o", "x", "--restart"]));
    succeeded(await log.annals(["verify", "--file", "x"]));
  });

  it("does not go on with a log that is another by then", async () => {
    await recordLarge();
    await using proxy = await startTcpProxy(log.server.url);
    holdAfter(proxy, 2_500_000);
    const running = await log.start(["export", "-o", "x"], { ANNALS_URL: proxy.url });
    await vi.waitFor(() => expect(proxy.held).toBeGreaterThan(0), { timeout: 20_000 });
    running.child.kill("SIGTERM");
    await running.ended;

    await using database = await createDatabase();
    await using other = await startTestServer({
      database,
      env: { ...log.checkpoints.env, CHECKPOINT_STORE: join(log.cwd, "other-store") },
    });
    const { audit } = other.clients(await other.jwt({ role: "service" }));
    const entries = Array.from({ length: 450 }, () => ({ teamId: log.teamId, action: "forged" }));
    await audit.recordBatch({ entries });
    const env = {
      ANNALS_URL: other.url,
      ANNALS_TOKEN: await other.jwt({ role: "admin", teamId: log.teamId }),
    };
    expect(await log.annals(["export", "-o", "x"], { env })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: inconsistent\n"),
    });
    // Nor with nothing but the export's own memory.
    const args = ["export", "-o", "x", "--state", "elsewhere"];
    expect(await log.annals(args, { env })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("verification failed: data loss: "),
    });
    expect(await log.annals(["export", "-o", "x"])).toMatchObject({ code: 0 });
  });
});

describe("verify --file", () => {
  it("holds an export against what was seen of the log before", async () => {
    await log.record(10);
    succeeded(await log.annals(["export", "-o", "early"]));
    await log.record(10);
    succeeded(await log.annals(["export", "-o", "late"]));
    const offline = { env: { XDG_STATE_HOME: join(log.cwd, "auditor") } };
    const verify = async (name: string) =>
      succeeded(await log.annals(["verify", "--file", name], offline));
    expect(await verify("early")).toContain("nothing was remembered of the log");
    expect(await verify("late")).toContain("it goes on from the 10 entries");
    expect(await verify("early")).toContain("not compared with the 20 entries");

    await using database = await createDatabase();
    await using other = await startTestServer({
      database,
      env: { ...log.checkpoints.env, CHECKPOINT_STORE: join(log.cwd, "other-store") },
    });
    const { audit } = other.clients(await other.jwt({ role: "service" }));
    const record = (length: number) =>
      audit.recordBatch({
        entries: Array.from({ length }, () => ({ teamId: log.teamId, action: "forged" })),
      });
    const env = {
      ANNALS_URL: other.url,
      ANNALS_TOKEN: await other.jwt({ role: "admin", teamId: log.teamId }),
      XDG_STATE_HOME: join(log.cwd, "forger"),
    };
    await record(20);
    succeeded(await log.annals(["export", "-o", "forked"], { env }));
    await record(5);
    succeeded(await log.annals(["export", "-o", "rewritten"], { env }));
    for (const [name, fault] of [
      ["forked", "forked"],
      ["rewritten", "inconsistent"],
    ] as const) {
      const refused = await log.annals(["verify", "--file", name], offline);
      expect(refused).toMatchObject({
        code: 6,
        stderr: expect.stringContaining(`fault: ${fault}`),
      });
      expect(refused.stderr).toContain("two signed checkpoints contradict each other");
    }
    expect(await verify("late")).toContain("it goes on from the 20 entries");
  });

  it("names the line and the sequence of what was changed", async () => {
    await log.record(20);
    succeeded(await log.annals(["export", "-o", "all"]));
    const text = await log.read("all");
    await log.write("all", text.replace('{"n":12}', '{"n":13}'));
    expect(await log.annals(["verify", "--file", "all"])).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /verification failed: line 13: entry 12: .*\n {2}fault: details_mismatch; first bad sequence: 12\n/,
      ),
    });
  });

  it("says so if the log was signed by another key when it was last seen", async () => {
    await log.record(3);
    succeeded(await log.annals(["export", "-o", "all"]));
    const directory = join("state", "annals");
    const names = await readdir(join(log.cwd, directory));
    const path = join(directory, names.find((name) => /^audit.*[.]json$/.test(name)) ?? "");
    const remembered = JSON.parse(await log.read(path)) as object;
    const checkpoint = signedLog(3, { teamId: log.teamId }).checkpoint();
    await log.write(path, JSON.stringify({ ...remembered, checkpoint }));
    const { code, stderr } = await log.annals(["verify", "--file", "all"]);
    expect({ code, stderr }).toEqual({ code: 6, stderr: expect.stringContaining(path) });
    expect(stderr).toContain("signed by another key when it was last seen");
  });

  it("refuses a CSV export, which cannot be verified", async () => {
    await log.record(3);
    succeeded(await log.annals(["export", "-o", "x.csv", "--format", "csv"]));
    expect(await log.annals(["verify", "--file", "x.csv"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("an NDJSON export begins with its header"),
    });
  });
});

describe("export --format csv", () => {
  /** Every cell is quoted, so that this reads all there is. */
  const parse = (text: string) =>
    Array.from(text.matchAll(/("(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*)\n/g), ([, row = ""]) =>
      Array.from(row.matchAll(/"((?:[^"]|"")*)"/g), ([, cell = ""]) => cell.replaceAll('""', '"')),
    );

  it("has a header, an entry a record, and the checkpoint as the last one", async () => {
    await log.record(8, { metadata: { text: 'a "quoted", cell' } });
    succeeded(await log.annals(["export", "-o", "x.csv", "--format", "csv"], { role: "member" }));
    const text = await log.read("x.csv");
    expect(text.startsWith("\ufeff")).toBe(true);
    const [header, ...records] = parse(text.slice(1));
    const end = records.pop();
    expect(header?.slice(0, 7)).toEqual([
      ...[
        "sequence",
        "record_time",
        "occur_time",
        "actor_type",
        "actor_id",
        "actor_name",
        "action",
      ],
    ]);
    expect(new Set(records.map((record) => record.length))).toEqual(new Set([header?.length]));
    expect(records.map(([sequence]) => Number(sequence))).toEqual([1, 2, 3, 4, 5, 6, 8]);
    const metadata = header?.indexOf("metadata") ?? -1;
    expect(records[0]?.[metadata]).toBe('{"text":"a \\"quoted\\", cell"}');
    expect(end?.[0]).toBe("#checkpoint");
    expect(end?.[1]).toMatch(new RegExp(`^${origin()}\n8\n.{44}\n\n— audit.example.com .*\n$`));
    expect(end?.slice(2, 5)).toEqual(["7 entries", "1 not readable", ""]);
  });

  it("has no cell that a spreadsheet takes for a formula or a terminal obeys", async () => {
    const evil = [
      ...["=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "'=1", '"=1'],
      ...[
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        "a;=1+1",
        'a","=1',
        "\u001b[31mred",
        "\u202e=1",
      ],
      ...["=cmd|' /C calc'!A0", '=HYPERLINK("http://example.com")'],
    ];
    for (const name of evil) {
      await log.record(1, {
        actor: { type: 5, id: name, name },
        resource: { type: "snapshot", id: name, name },
        context: { userAgent: name, requestId: name },
        metadata: { [name]: name },
      });
    }
    succeeded(await log.annals(["export", "-o", "x.csv", "--format", "csv"]));
    const text = (await log.read("x.csv")).slice(1);
    const records = parse(text).slice(1, -1);
    expect(records).toHaveLength(evil.length);
    for (const cell of records.flat()) {
      expect(cell).not.toMatch(/^[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/);
      expect(cell).not.toMatch(/[\p{Cc}\u202e]/u);
    }
    expect(records.map((record) => record[5])).toContain("'=1+1");
    expect(records.map((record) => record[5])).toContain("'-5");
    // No cell stands without its quotes, whatever a reader takes for the separator.
    const body = text.split("\n").slice(0, evil.length + 1);
    for (const row of body) expect(row).toMatch(/^"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*$/);
  });
});

describe("export, called wrongly,", () => {
  it.each<[code: number, what: string, args: string[]]>([
    [2, "without a file", []],
    [2, "with an unknown format", ["-o", "x", "--format", "xlsx"]],
    [2, "into a directory that is not there", ["-o", "nowhere/x"]],
    [2, "to a directory", ["-o", "state", "--restart"]],
    [2, "to a name that is a directory's", ["-o", "x/"]],
    [2, "to a device", ["-o", "/dev/null", "--restart"]],
    [2, "to no name", ["-o", ""]],
    [2, "to standard output", ["-o", "-"]],
    [3, "as nobody", ["-o", "x", "--token", "nonsense"]],
    [5, "without a server", ["-o", "x", "--url", "http://127.0.0.1:1"]],
  ])("ends with %i %s", async (code, _, args) => {
    await mkdir(join(log.cwd, "state"));
    // Before the server is asked.
    const env = code === 2 ? { ANNALS_URL: "http://127.0.0.1:1" } : {};
    const result = await log.annals(["export", ...args], { env });
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).not.toMatch(/^ +at /m);
    expect(await files()).toEqual([]);
  });
});
