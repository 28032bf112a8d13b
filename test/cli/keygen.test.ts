import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeError, exitCodeOf } from "../../src/cli/failure.ts";
import { keygenCommand } from "../../src/cli/keygen.ts";
import { formatVerifierKey } from "../../src/log/note.ts";
import { formatSigningKey, makeSigningKey, parseSigningKey } from "../../src/log/signing-key.ts";
import { useCli } from "../support/cli.ts";

const cli = useCli();

/** What two labelled lines say. */
function keysIn(stdout: string): { privateKey: string; verifierKey: string } {
  const lines = /^private key: {2}(\S+)\nverifier key: (\S+)\n$/.exec(stdout);
  return { privateKey: lines?.[1] ?? "", verifierKey: lines?.[2] ?? "" };
}

describe("keygen", () => {
  test("prints a private key, new each time, and the key that verifies its signatures", async () => {
    const args = ["keygen", "--origin", "audit.example.com"];
    const [first, second] = await Promise.all([cli.annals(args), cli.annals(args)]);
    const { privateKey, verifierKey } = keysIn(first.stdout);
    const { verifier } = parseSigningKey(privateKey);
    expect(verifier.name).toBe("audit.example.com");
    expect(formatVerifierKey(verifier)).toBe(verifierKey);
    expect(keysIn(second.stdout).privateKey).not.toBe(privateKey);
    expect(first).toMatchObject({ code: 0, stderr: "" });
  });

  test("names the key as it is told, or as CHECKPOINT_ORIGIN says", async () => {
    const env = { CHECKPOINT_ORIGIN: "logs.example.com/eu" };
    const byEnv = await cli.annals(["keygen"], env);
    expect(keysIn(byEnv.stdout).verifierKey).toMatch(/^logs\.example\.com\/eu\+[0-9a-f]{8}\+/);
    const byFlag = await cli.annals(["keygen", "--origin", "audit.example.com"], env);
    expect(keysIn(byFlag.stdout).verifierKey).toMatch(/^audit\.example\.com\+/);
  });

  test("makes none without a name", async () => {
    const { code, stdout, stderr } = await cli.annals(["keygen"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^annals: --origin, or CHECKPOINT_ORIGIN, is required/);
  });

  test("refuses a name that a terminal would obey, as it refuses every wrong use", async () => {
    const { code, stdout, stderr } = await cli.annals(["keygen", "--origin", "a\u202eb"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^annals: --origin: /);
  });

  // In this process: what a shell is told of a refusal is the same for all.
  test.each([
    ...["", "two words", "a+b", "tab\there", '=HYPERLINK("//x")', "-a", "@a", "_a", "'a"],
    ...["a\u200bb", "a\u001bb", "a\u009bb", "ä.example.com", "\uff1da"],
  ])("refuses the name %j", async (name) => {
    const made = keygenCommand().parseAsync(["--origin", name], { from: "user" });
    const refusal = await made.then(() => undefined).catch((error: unknown) => error);
    expect(exitCodeOf(refusal)).toBe(2);
    expect(describeError(refusal)[0]).toMatch(/^--origin: /);
  });

  test("writes the private key to a file for its owner only, and never over another", async () => {
    const file = join(cli.cwd, "key");
    const args = ["keygen", "--origin", "audit.example.com", "--out", file];
    const { code, stdout, stderr } = await cli.annals(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, "utf8");
    expect(formatVerifierKey(parseSigningKey(text.trim()).verifier)).toBe(stdout.trim());
    expect(stdout).not.toContain("PRIVATE");
    const again = await cli.annals(args);
    expect(again).toMatchObject({ code: 2, stdout: "" });
    expect(again.stderr).toContain("exists already");
    expect(await readFile(file, "utf8")).toBe(text);
  });
});

test("keygen needs a place for its file", async () => {
  for (const out of ["nowhere/key", "."]) {
    const result = await cli.annals(["keygen", "--origin", "audit.example.com", "--out", out]);
    expect(result, out).toMatchObject({ code: 2, stdout: "" });
  }
});

describe("keygen --public prints the verifier key", () => {
  const key = makeSigningKey("audit.example.com");
  const verifierKey = `${formatVerifierKey(key.verifier)}\n`;

  test("of CHECKPOINT_KEY", async () => {
    const env = { CHECKPOINT_KEY: formatSigningKey(key) };
    expect(await cli.annals(["keygen", "--public"], env)).toEqual({
      code: 0,
      stdout: verifierKey,
      stderr: "",
    });
  });

  test("of CHECKPOINT_KEY_FILE, in production too", async () => {
    await writeFile(join(cli.cwd, "key"), `${formatSigningKey(key)}\n`);
    const env = { NODE_ENV: "production", CHECKPOINT_KEY_FILE: "key", CHECKPOINT_STORE: "store" };
    expect((await cli.annals(["keygen", "--public"], env)).stdout).toBe(verifierKey);
  });

  test("of the key that a server has made in its data directory", async () => {
    await mkdir(join(cli.cwd, "data"));
    await writeFile(join(cli.cwd, "data", "signing-key"), `${formatSigningKey(key)}\n`);
    expect((await cli.annals(["keygen", "--public"])).stdout).toBe(verifierKey);
  });

  test("with what a terminal would obey in a name neutralised", async () => {
    await mkdir(join(cli.cwd, "data"));
    const odd = formatSigningKey(makeSigningKey("a\u202eb"));
    await writeFile(join(cli.cwd, "data", "signing-key"), `${odd}\n`);
    expect((await cli.annals(["keygen", "--public"])).stdout).toMatch(/^a\\u202eb\+/);
  });

  test.each<[string, string[], Record<string, string>]>([
    ["the key's name is odd", [], { CHECKPOINT_KEY: formatSigningKey(makeSigningKey("=1")) }],
    ["no key is configured", [], {}],
    ["no key is configured in production", [], { NODE_ENV: "production" }],
    ["the key is none", [], { CHECKPOINT_KEY: "PRIVATE+KEY+a+00000000+c2VjcmV0" }],
    ["a name is given", ["--origin", "a"], { CHECKPOINT_KEY: formatSigningKey(key) }],
  ])("and fails if %s, making nothing", async (_, args, env) => {
    const { code, stdout, stderr } = await cli.annals(["keygen", "--public", ...args], env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^annals: /);
    expect(stderr).not.toContain("c2VjcmV0");
    await expect(stat(join(cli.cwd, "data"))).rejects.toThrow("ENOENT");
  });
});
