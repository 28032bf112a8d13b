import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { parseTlogProof } from "../../src/client/tlog-proof.ts";
import { makeSigningKey } from "../../src/log/signing-key.ts";
import { signedLog } from "../client/signed-log.ts";
import { runCli, useCli } from "../support/cli.ts";
import { succeeded, useCliLog } from "../support/cli-log.ts";
import { TEAM } from "../support/fake-service.ts";

const log = useCliLog();

/** As somebody would who has nothing but the file and the key. */
const verifyOffline = (file: string, ...args: string[]) =>
  runCli(["verify", "--proof", file, "--key", log.checkpoints.verifierKey, ...args], {
    cwd: log.cwd,
    env: { XDG_STATE_HOME: `${log.cwd}/elsewhere` },
  });

describe("prove", () => {
  it("writes a file named after the entry, which proves it with no network", async () => {
    const entries = await log.record(20);
    const entry = entries[11];
    const printed = succeeded(await log.annals(["prove", entry?.id ?? ""]));
    expect(printed).toBe(
      `${entry?.id}.tlog-proof: entry 12 of audit.example.com/${log.teamId}, with its proof\n`,
    );
    const shown = succeeded(await verifyOffline(`${entry?.id}.tlog-proof`));
    expect(shown).toContain(
      `verified: entry 12 of audit.example.com/${log.teamId} is in it as it was recorded\n`,
    );
    expect(shown).toContain("checkpoint 20 entries, root ");
    expect(shown).toContain("signed by  audit.example.com+");
    expect(shown).toContain(`id         ${entry?.id}\n`);
    expect(shown).toContain('{\n  "n": 12\n}');
    const json = JSON.parse(succeeded(await verifyOffline(`${entry?.id}.tlog-proof`, "--json")));
    expect(json).toMatchObject({ size: "20", entry: { id: entry?.id, sequence: 12 } });
  });

  it("proves the first entry, the last, and one alone", async () => {
    await log.record(1);
    succeeded(await log.annals(["prove", "1", "-o", "alone"]));
    await log.record(6);
    for (const number of ["1", "7"]) {
      succeeded(await log.annals(["prove", number, "-o", `of-${number}`]));
    }
    for (const file of ["alone", "of-1", "of-7"]) succeeded(await verifyOffline(file));
  });

  it("writes to standard output with -o -", async () => {
    await log.record(2);
    const text = succeeded(await log.annals(["prove", "2", "-o", "-"]));
    expect(parseTlogProof(text)).toMatchObject({ index: 1n, hashes: [{ length: 32 }] });
  });

  it("proves to a member what it may read, and nothing else", async () => {
    const [open, secret] = [
      ...(await log.record(1)),
      ...(await log.record(1, { scope: EntryScope.ADMIN })),
    ];
    succeeded(await log.annals(["prove", open?.id ?? "", "-o", "p"], { role: "member" }));
    expect(await log.annals(["prove", secret?.id ?? ""], { role: "member" })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining("not found"),
    });
  });

  it("does not overwrite a proof, and says so before it asks the server", async () => {
    await log.write("p", "precious");
    const result = await log.annals(["prove", "1", "-o", "p"], {
      env: { ANNALS_URL: "http://127.0.0.1:1" },
    });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("p exists already") });
    expect(await log.read("p")).toBe("precious");
  });

  it("needs a place for its file, and says so before it asks the server", async () => {
    const env = { ANNALS_URL: "http://127.0.0.1:1" };
    for (const path of ["nowhere/p", ".", "p/"]) {
      const result = await log.annals(["prove", "1", "-o", path], { env });
      expect(result, path).toMatchObject({ code: 2, stdout: "" });
    }
  });

  it("leaves no file behind for an entry that is not there", async () => {
    await log.record(1);
    expect((await log.annals(["prove", "17"])).code).toBe(4);
    expect((await log.annals(["prove", "nonsense"])).code).toBe(1);
    expect((await readdir(log.cwd)).filter((name) => name !== "state")).toEqual([]);
  });
});

describe("a log whose name a terminal would obey", () => {
  const cli = useCli();

  it.each([
    ["prove", ["prove", "1", "-o", "file"]],
    ["export", ["export", "-o", "file"]],
  ])("is neutralised by %s", async (_, args) => {
    const signed = signedLog(2, { key: makeSigningKey("a\u202eb\u200b"), teamId: TEAM });
    cli.fake.signed = signed;
    cli.fake.entries.push(...signed.entries);
    const result = await cli.annals([...args, "--key", signed.verifierKey, "--state", "state"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain(` of a\\u202eb\\u200b/${TEAM}`);
  });
});

describe("verify --proof", () => {
  it("refuses a proof under another key, and one without a key", async () => {
    await log.record(3);
    succeeded(await log.annals(["prove", "2", "-o", "p"]));
    const other = signedLog(1);
    const [wrong, none, nonsense] = await Promise.all([
      runCli(["verify", "--proof", "p", "--key", other.verifierKey], { cwd: log.cwd }),
      runCli(["verify", "--proof", "p"], {
        cwd: log.cwd,
        env: { HOME: log.cwd, ANNALS_URL: "http://audit.example.com" },
      }),
      runCli(["verify", "--proof", "p", "--key", "nonsense"], { cwd: log.cwd }),
    ]);
    expect(wrong).toMatchObject({ code: 6, stderr: expect.stringContaining("fault: unknown_key") });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("no verifier key") });
    expect(nonsense).toMatchObject({ code: 2, stderr: expect.stringContaining("no verifier key") });
  });

  it("takes keys from a file, with comments, several at once", async () => {
    await log.record(3);
    succeeded(await log.annals(["prove", "2", "-o", "p"]));
    const { verifierKey } = log.checkpoints;
    await log.write("keys", `# of 2025\n${signedLog(1).verifierKey}\n# of 2026\n${verifierKey}\n`);
    succeeded(await runCli(["verify", "--proof", "p", "--key", "keys"], { cwd: log.cwd }));
  });

  it("refuses one that is not what it claims to be, saying what is wrong", async () => {
    await log.record(5);
    succeeded(await log.annals(["prove", "2", "-o", "p"]));
    const proof = await log.read("p");
    await log.write("index", proof.replace(/index \d+/, "index 3"));
    await log.write("crlf", proof.replaceAll("\n", "\r\n"));
    await log.write("bytes", Buffer.from([0xff, 0x0a]));
    expect(await verifyOffline("index")).toEqual({
      code: 6,
      stdout: "",
      stderr:
        "annals: verification failed: entry 2: the proof is about another position\n" +
        "  fault: sequence_mismatch; first bad sequence: 2\n",
    });
    const message = (what: string) => `annals: verification failed: the proof ${what}\n`;
    expect(await verifyOffline("crlf")).toMatchObject({
      code: 6,
      stderr: message("has CR in its line ends"),
    });
    expect(await verifyOffline("bytes")).toMatchObject({
      code: 6,
      stderr: message("is not UTF-8"),
    });
  });

  it("says which file cannot be read", async () => {
    expect(await verifyOffline("nowhere")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("nowhere"),
    });
  });
});
