import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Interceptor } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { VerificationFailure } from "../../src/cli/failure.ts";
import { openLog } from "../../src/cli/open-log.ts";
import { trustKey } from "../../src/cli/verifier-keys.ts";
import { walkLog } from "../../src/cli/verify-log.ts";
import { createAuditClient } from "../../src/client/client.ts";
import { parseTeamId, type TeamId } from "../../src/ids.ts";
import { Superuser } from "../attacks/superuser.ts";
import { signedLog } from "../client/signed-log.ts";
import { runCli } from "../support/cli.ts";
import { succeeded, useCliLog } from "../support/cli-log.ts";
import { meddling, rolledBackTo } from "../support/meddling.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId, startTestServer } from "../support/server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const log = useCliLog();
const origin = () => `audit.example.com/${log.teamId}`;
const superuser = () => Superuser.connect(log.database.url, parseTeamId(log.teamId) as TeamId);
const stateFile = async () => {
  const directory = join(log.cwd, "state", "annals");
  const isOrigin = (name: string) => /^audit.*[.]json$/.test(name);
  const name = (await readdir(directory)).find(isOrigin) ?? "";
  return join("state", "annals", name);
};

/** Walks the log in this process, with something between it and the server. */
async function walkThrough(...interceptors: Interceptor[]) {
  const { ANNALS_URL: url = "", ANNALS_TOKEN: token = "" } = await log.env();
  using client = createAuditClient({ baseUrl: url, token, interceptors });
  const retry = { signal: AbortSignal.timeout(20_000) };
  const key = [log.checkpoints.verifierKey];
  const opened = await openLog(client, { url, key, state: log.cwd, team: log.teamId }, retry);
  return await walkLog(client, opened, {
    ...{ retry, sinceLast: false, allowPruned: false },
    onProgress: () => undefined,
  });
}

const walkMeddling = (beforeEach: Parameters<typeof meddling>[0]) =>
  walkThrough(meddling(beforeEach));

describe("verify", () => {
  it("opens everything for an admin, and says what it found", async () => {
    await log.record(700);
    const shown = succeeded(await log.annals(["verify"]));
    expect(shown).toMatch(
      new RegExp(
        [
          `^verified: ${origin()} is whole and unchanged up to entry 700`,
          " {2}opened {5}700: hashed from what they say",
          " {2}hashes {5}0",
          " {2}checkpoint 700 entries, root .{44}",
          " {2}signed by {2}audit\\.example\\.com\\+[0-9a-f]{8} \\(ANNALS_VERIFIER_KEY\\)",
          " {2}before {5}nothing was remembered of it: a rewrite before now would not be noticed\n$",
        ].join("\n"),
      ),
    );
  });

  it("opens for a member what it may read, and takes the rest as hashes", async () => {
    await log.record(700);
    const shown = succeeded(await log.annals(["verify", "--json"], { role: "member" }));
    expect(JSON.parse(shown)).toMatchObject({
      ...{
        origin: origin(),
        teamId: log.teamId,
        size: "700",
        opened: 600,
        withheld: 100,
        erased: 0,
      },
      ...{ from: "1", start: "beginning", keySource: "ANNALS_VERIFIER_KEY" },
      ...{ whole: false, pruned: "0", withheldBefore: 0 },
    });
  });

  it("does not call a log whole of which it has seen hashes only, nor later on", async () => {
    await log.record(70);
    const headline = (opened: number, all: number) =>
      `verified: no position of ${origin()} up to entry ${all} is missing or changed: ` +
      `${opened} of ${all} entries opened\n`;
    const member = { role: "member" } as const;
    const first = succeeded(await log.annals(["verify"], member));
    expect(first).toContain(headline(60, 70));
    expect(first).toContain("hashes     10 positions as hashes only: what they say was not seen\n");
    await log.record(6);
    const later = succeeded(await log.annals(["verify", "--since-last"]));
    expect(later).toContain(headline(66, 76));
    for (const args of [["--since-last"], []]) {
      const strict = await log.annals(["verify", "--require-opened", ...args], member);
      expect(strict).toMatchObject({
        ...{ code: 6, stdout: "" },
        stderr: expect.stringContaining("10 positions as hashes only: what they say was not seen"),
      });
    }
    succeeded(await log.annals(["verify", "--require-opened"]));
  });

  it("verifies a log without entries", async () => {
    const shown = succeeded(await log.annals(["verify", "--team", log.teamId]));
    expect(shown).toContain(`verified: ${origin()} has no entries\n`);
  });

  it("remembers the log, and goes on from where it was with --since-last", async () => {
    await log.record(600);
    expect(succeeded(await log.annals(["verify", "--since-last"]))).toContain("up to entry 600\n");
    const again = succeeded(await log.annals(["verify", "--since-last"]));
    expect(again).toContain("opened     0: ");
    await log.record(550);
    const more = succeeded(await log.annals(["verify", "--since-last"]));
    expect(more).toContain("up to entry 1150\n");
    expect(more).toContain("opened     550: ");
    expect(more).toContain("entry 601, after the last run; erasures among those before were not");
    expect(more).toContain(
      "it goes on from the 600 entries that were signed when it was last seen",
    );
    expect(succeeded(await log.annals(["verify"]))).toContain("opened     1150: ");
  });

  it("goes on over lost connections", async () => {
    await log.record(2_000);
    await using proxy = await startTcpProxy(log.server.url);
    let bytes = 0;
    let cuts = 0;
    proxy.fromServer = (chunk) => {
      bytes += chunk.length;
      if (cuts === 2 || bytes < 80_000 * (cuts + 1)) return "pass";
      cuts += 1;
      return "cut";
    };
    const { code, stdout, stderr } = await log.annals(["verify"], {
      env: { ANNALS_URL: proxy.url },
    });
    expect({ code, cuts }, stderr).toEqual({ code: 0, cuts: 2 });
    expect(stdout).toContain("opened     2000: ");
    expect(stderr).toMatch(/not connected to .*; trying again\nannals: connected again\n/);
  });

  it("explains erased details by the entry that says so", async () => {
    const entries = await log.record(30);
    const { audit } = log.server.clients(
      await log.server.jwt({ role: "admin", teamId: log.teamId }),
    );
    const ids = [entries[3]?.id ?? "", entries[11]?.id ?? ""];
    await audit.erase({ teamId: log.teamId, ids });
    const shown = succeeded(await log.annals(["verify"]));
    expect(shown).toContain(
      "opened     31: hashed from what they say; the details of 2 were erased since",
    );
  });

  it("is not alarmed by what is recorded and erased while it walks", async () => {
    const entries = await log.record(1_500);
    const { audit } = log.server.clients(
      await log.server.jwt({ role: "admin", teamId: log.teamId }),
    );
    let messages = 0;
    const report = await walkMeddling(async () => {
      messages += 1;
      if (messages > 1) return "go on";
      // Ahead of what was read, and behind the checkpoint that was asked for before.
      await audit.erase({ teamId: log.teamId, ids: [entries[1_490]?.id ?? ""] });
      await log.record(3);
      return "go on";
    });
    expect(messages).toBeGreaterThan(2);
    expect(report).toMatchObject({ opened: 1_504, erased: 1, checkpoint: { size: 1_504n } });
  });

  it("starts where the log does once old entries are pruned, and says so, for members too", async () => {
    await log.record(700);
    succeeded(await log.annals(["verify"]));
    await using attacker = await superuser();
    await attacker.remove(1n, 512n);
    await attacker.sql(
      "UPDATE control_plane.audit_log_heads SET first_sequence = 513 WHERE team_id = $1",
    );
    const refused = {
      ...{ code: 6, stdout: "" },
      stderr: expect.stringContaining("verification failed: entries 1 to 512 are not there\n"),
    };
    expect(await log.annals(["verify"])).toMatchObject(refused);
    const allow = ["--allow-pruned"];
    const shown = succeeded(await log.annals(["verify", ...allow]));
    expect(shown).toContain(
      `verified: entries 513 to 700 of ${origin()} are unchanged; 1 to 512 are not there\n`,
    );
    expect(shown).toContain("opened     188: ");
    expect(shown).toContain("entry 513: the log no longer holds those before, only their hashes");
    // Nor is it forgotten by going on from there.
    expect(await log.annals(["verify", "--since-last"])).toMatchObject(refused);
    const later = succeeded(await log.annals(["verify", "--since-last", ...allow]));
    expect(later).toContain("are unchanged; 1 to 512 are not there\n");
    const { withheld, ...found } = JSON.parse(
      succeeded(await log.annals(["verify", "--json", ...allow], { role: "member" })),
    );
    expect(found).toMatchObject({ size: "700", from: "513", start: "floor" });
    expect(found).toMatchObject({ whole: false, pruned: "512" });
    expect(withheld).toBeGreaterThan(20);

    const member = { role: "member" } as const;
    for (const format of ["ndjson", "csv"]) {
      const args = ["export", "-o", `late.${format}`, "--format", format];
      expect(await log.annals(args, member)).toMatchObject(refused);
      const printed = succeeded(await log.annals([...args, ...allow], member));
      expect(printed).toMatch(/; entries 1 to 512 are not there\n$/);
    }
    expect(await log.read("late.csv")).toContain('\n"#pruned","entries 1 to 512 are not there",');
    expect(await log.annals(["verify", "--file", "late.ndjson"])).toMatchObject(refused);
    const file = succeeded(await log.annals(["verify", "--file", "late.ndjson", ...allow]));
    expect(file).toMatch(
      /entries 513 to 700 of .* are unchanged: \d+ of 188 entries opened; 1 to 512/,
    );
    expect(file).toContain("entry 513: the log no longer held those before");
    expect(file).toContain("it goes on from the 700 entries");
  });

  it("is not led astray by the cursor that another server gave", async () => {
    await log.record(600);
    succeeded(await log.annals(["verify"]));
    const path = await stateFile();
    const early = JSON.parse(await log.read(path)) as { walk: object };
    await log.record(300);
    succeeded(await log.annals(["verify", "--since-last"]));
    const late = JSON.parse(await log.read(path)) as { walk: { cursor: string } };
    for (const cursor of [late.walk.cursor, "nonsense"]) {
      await log.write(path, JSON.stringify({ ...late, walk: { ...early.walk, cursor } }));
      const shown = succeeded(await log.annals(["verify", "--since-last"]));
      expect(shown).toContain("opened     300: ");
    }
  });
});

describe("verify fails, with 6 and the first bad sequence,", () => {
  it.each([
    ["action = 'read'", 77, "leaf_mismatch"],
    ["metadata = '{\"n\": 1}'", 5, "details_mismatch"],
    ["scope = 'team'", 140, "leaf_mismatch"],
  ])("on an edited row: %s", async (assignments, sequence, fault) => {
    await log.record(200);
    await using attacker = await superuser();
    await attacker.edit(BigInt(sequence), assignments);
    const { code, stdout, stderr } = await log.annals(["verify"]);
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
    expect(stderr).toContain(`annals: verification failed: entry ${sequence}: `);
    expect(stderr).toContain(`fault: ${fault}; first bad sequence: ${sequence}\n`);
  });

  it("on an edited row with its hashes made to fit, which no proof of the server fits", async () => {
    await log.record(600);
    await using attacker = await superuser();
    await attacker.edit(300n, "action = 'read'");
    await attacker.rehash(300n);
    const { code, stderr } = await log.annals(["verify"]);
    expect({ code, stderr }).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: root_mismatch; first bad sequence: 300\n"),
    });
  });

  it("on a stream that ends before the log that was signed for", async () => {
    await log.record(1_000);
    const walking = walkMeddling(async (number) => (number === 2 ? "end" : "go on"));
    await expect(walking).rejects.toThrow(
      /the log ends with entry (\d+), and 1000 were signed for\n.*first bad sequence: \d+/,
    );
  });

  it.each([0, 10])("on a server that has forgotten all but %i of what it signed", async (size) => {
    await log.record(size);
    const checkpoint = await log.checkpoint();
    await log.record(15 - size);
    expect(await walkThrough()).toMatchObject({ opened: 15 });
    await expect(walkThrough(rolledBackTo(checkpoint))).rejects.toThrow(
      `the log ends with entry ${size}, and 15 were signed for\n`,
    );
  });

  it("on details that are gone without an entry that says so", async () => {
    await log.record(20);
    await using attacker = await superuser();
    await attacker.edit(4n, "details_state = 'erased', details_salt = NULL, metadata = NULL");
    expect(await log.annals(["verify"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: erasure_unexplained; first bad sequence: 4\n"),
    });
  });

  it("on a log that the server itself refuses", async () => {
    await log.record(20);
    succeeded(await log.annals(["verify"]));
    await using attacker = await superuser();
    await attacker.remove(11n, 20n);
    await attacker.rebuildTree();
    expect(await log.annals(["verify"])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("verification failed: data loss: "),
    });
  });

  it("on a log of the same key that is another, and keeps both notes as evidence", async () => {
    await using database = await createDatabase();
    await using other = await startTestServer({
      database,
      env: {
        ...log.checkpoints.env,
        CHECKPOINT_STORE: join(log.cwd, "other-store"),
        CHECKPOINT_INTERVAL_SECONDS: "0",
      },
    });
    const { audit } = other.clients(await other.jwt({ role: "service" }));
    const entries = Array.from({ length: 12 }, () => ({ teamId: log.teamId, action: "forged" }));
    await audit.recordBatch({ entries });
    const env = {
      ANNALS_URL: other.url,
      ANNALS_TOKEN: await other.jwt({ role: "admin", teamId: log.teamId }),
    };

    await log.record(10);
    succeeded(await log.annals(["verify"]));
    const later = await log.annals(["verify"], { env });
    expect(later).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: inconsistent\n"),
    });
    const paths = later.stderr.split("\n").filter((line) => line.endsWith(".note"));
    const notes = await Promise.all(paths.map((path) => readFile(path.trim(), "utf8")));
    expect(notes.map((note) => note.split("\n").slice(0, 2))).toEqual([
      [origin(), "10"],
      [origin(), "12"],
    ]);

    await log.record(2);
    succeeded(await log.annals(["verify"]));
    expect(await log.annals(["verify"], { env })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: forked\n"),
    });
    await log.record(2);
    succeeded(await log.annals(["prove", "1", "-o", "p"]));
    expect(await log.annals(["verify"], { env })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("fault: rolled_back\n"),
    });
    expect(await readdir(join(log.cwd, "state", "annals", "evidence"))).toHaveLength(6);
  });
});

describe("the key that verify trusts", () => {
  const unknown = { ANNALS_VERIFIER_KEY: "" };

  it("is the one in DATA_DIR, for a server on this machine", async () => {
    await log.record(1);
    await mkdir(join(log.cwd, "data"));
    await log.write("data/verifier-key", `${log.checkpoints.verifierKey}\n`);
    const shown = succeeded(await log.annals(["verify"], { env: unknown }));
    expect(shown).toContain("(data/verifier-key)");
  });

  it("is not repeated if it is a private key", async () => {
    const secret = "AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const key = `PRIVATE+KEY+audit.example.com+4ffeabe4+${secret}`;
    const { code, stdout, stderr } = await log.annals(["verify", "--key", key]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--key: is a private key");
    expect(stderr).not.toContain(secret);
  });

  it("is else the server's own at first, with a warning, and no other afterwards", async () => {
    await log.record(3);
    const first = await log.annals(["verify"], { env: unknown });
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("first use") });
    expect(first.stderr).toContain("WARNING: no verifier key was known");
    expect(first.stderr).toContain(log.checkpoints.verifierKey);
    const second = succeeded(await log.annals(["verify"], { env: unknown }));
    expect(second).toContain("known-servers)");
    // Offline too.
    succeeded(await log.annals(["prove", "2", "-o", "p"], { env: unknown }));
    succeeded(await log.annals(["verify", "--proof", "p"], { env: unknown }));

    const known = await log.read("state/annals/known-servers");
    const other = signedLog(1).verifierKey;
    await log.write(
      "state/annals/known-servers",
      known.replace(log.checkpoints.verifierKey, other),
    );
    const changed = await log.annals(["verify"], { env: unknown });
    expect(changed.code).toBe(6);
    expect(changed.stderr).toContain("the log is signed by another key than the known one");
    expect(changed.stderr).toContain(other);
    expect(changed.stderr).toContain(log.checkpoints.verifierKey);
  });

  it("is not one that lies beside what is checked offline, in ./data or by ./.env", async () => {
    await log.record(3);
    succeeded(await log.annals(["export", "-o", "all"]));
    succeeded(await log.annals(["prove", "2", "-o", "p"]));
    const { verifierKey } = log.checkpoints;
    await mkdir(join(log.cwd, "data"));
    await log.write("data/verifier-key", `${verifierKey}\n`);
    await mkdir(join(log.cwd, "planted", "annals"), { recursive: true });
    const known = `${log.server.url} ${verifierKey}\n`;
    await log.write("planted/annals/known-servers", known);
    const [state, home] = [join(log.cwd, "planted"), join(log.cwd, "home")];
    const planted = `ANNALS_VERIFIER_KEY=${verifierKey}\nDATA_DIR=data\nXDG_STATE_HOME=${state}\n`;
    const offline = (args: string[], env: Record<string, string> = {}) =>
      runCli(["verify", ...args], {
        cwd: log.cwd,
        env: { HOME: home, ANNALS_URL: log.server.url, ...env },
      });
    for (const text of ["", planted]) {
      await log.write(".env", text);
      for (const args of [
        ["--file", "all"],
        ["--proof", "p"],
      ]) {
        expect(await offline(args)).toMatchObject({
          code: 2,
          stdout: "",
          stderr: expect.stringContaining("no verifier key is known"),
        });
      }
    }
    // What the caller says is taken.
    for (const env of [{ DATA_DIR: "data" }, { XDG_STATE_HOME: state }]) {
      succeeded(await offline(["--proof", "p"], env));
    }
  });

  it("is not replaced by another one that is seen at first at the same time", async () => {
    const flags = { url: "https://audit.example.com/", state: log.cwd };
    const [first, second] = [signedLog(1).verifierKey, signedLog(1).verifierKey];
    await trustKey(flags, first);
    await trustKey(flags, first);
    const other = trustKey(flags, second);
    await expect(other).rejects.toThrow(VerificationFailure);
    await expect(other).rejects.toThrow(first);
    expect(await log.read("known-servers")).toContain(first);
    expect(await log.read("known-servers")).not.toContain(second);
  });

  it("may be given together with its successor", async () => {
    await log.record(1);
    const keys = `${signedLog(1).verifierKey} ${log.checkpoints.verifierKey}`;
    succeeded(await log.annals(["verify"], { env: { ANNALS_VERIFIER_KEY: keys } }));
  });

  it("cannot change behind the back of what is remembered", async () => {
    await log.record(1);
    succeeded(await log.annals(["verify"]));
    const path = await stateFile();
    const stranger = signedLog(3, { teamId: log.teamId }).checkpoint();
    const remembered = JSON.parse(await log.read(path)) as object;
    await log.write(path, JSON.stringify({ ...remembered, checkpoint: stranger }));
    const { code, stderr } = await log.annals(["verify"]);
    expect(code).toBe(6);
    expect(stderr).toContain("signed by another key when it was last seen");
    expect(stderr).toContain(path);
  });
});

describe("the team that verify asks for", () => {
  it("is the one that was given at first, unless another is named", async () => {
    await log.record(3);
    const other = newId("team");
    const env = { ANNALS_TOKEN: await log.server.jwt({ role: "admin", teamId: other }) };
    succeeded(await log.annals(["verify"]));
    for (const args of [["verify"], ["export", "-o", "x"]]) {
      const { code, stderr } = await log.annals(args, { env });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("--team") });
      expect(stderr).toContain(`the log of ${other}, and it was that of ${log.teamId} at first`);
    }
    succeeded(await log.annals(["verify", "--team", other], { env }));
    succeeded(await log.annals(["verify"]));
  });
});

describe("what verify remembers", () => {
  it("is not believed when damaged, and named", async () => {
    await log.record(5);
    succeeded(await log.annals(["verify"]));
    const path = await stateFile();
    const whole = await log.read(path);
    for (const damaged of ["", "{", "[]", whole.slice(0, -20), whole.replace(log.teamId, "x")]) {
      await log.write(path, damaged);
      const { code, stderr } = await log.annals(["verify"]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("is damaged") });
      expect(stderr).toContain(path);
    }
    expect((await log.read(path)).length).toBeLessThan(whole.length);
  });

  it("does not pass a damaged frontier off as a tampered log", async () => {
    await log.record(5);
    succeeded(await log.annals(["verify"]));
    const path = await stateFile();
    const saved = JSON.parse(await log.read(path)) as { walk: { hashes: string[] } };
    saved.walk.hashes[0] = Buffer.alloc(32).toString("base64");
    await log.write(path, JSON.stringify(saved));
    expect(await log.annals(["verify", "--since-last"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is damaged"),
    });
    succeeded(await log.annals(["verify"]));
    succeeded(await log.annals(["verify", "--since-last"]));
  });

  it("survives runs at the same time", async () => {
    await log.record(40);
    const runs = await Promise.all(Array.from({ length: 4 }, () => log.annals(["verify"])));
    for (const run of runs) succeeded(run);
    expect(JSON.parse(await log.read(await stateFile()))).toMatchObject({ origin: origin() });
  });
});

describe("verify, called wrongly,", () => {
  it.each<[code: number, what: string, args: string[]]>([
    [2, "with a file and a proof", ["--file", "a", "--proof", "b"]],
    [2, "since last with a file", ["--since-last", "--file", "a"]],
    [2, "with a file that is not there", ["--file", "nowhere"]],
    [2, "with a directory", ["--file", "."]],
    [3, "as nobody", ["--token", "nonsense"]],
    [5, "without a server", ["--url", "http://127.0.0.1:1"]],
  ])("ends with %i %s", async (code, _, args) => {
    const result = await log.annals(["verify", ...args]);
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });
});
