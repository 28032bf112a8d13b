import { describe, expect, it } from "vitest";
import { useCli } from "../support/cli.ts";
import { FORBIDDEN_TEAM } from "../support/fake-service.ts";

const cli = useCli();

describe("exit codes", () => {
  it.each<[code: number, what: string, args: string[]]>([
    [0, "help", ["--help"]],
    [0, "a command's help", ["tail", "--help"]],
    [0, "the version", ["--version"]],
    [2, "no command", []],
    [2, "an unknown command", ["lst"]],
    [2, "an unknown flag", ["list", "--lmit", "3"]],
    [2, "an unknown word", ["list", "--status", "ok"]],
    [2, "a wrong number", ["list", "--limit", "0"]],
    [2, "a wrong time", ["list", "--since", "2026-02-30T00:00:00Z"]],
    [2, "metadata that is no object", ["record", "--action", "a", "--metadata", "[1]"]],
    [2, "a missing action", ["record"]],
    [2, "two starts", ["tail", "--last", "1", "--from-beginning"]],
    [2, "an address that is none", ["list", "--url", "localhost:8080"]],
    [3, "a bad token", ["list", "--token", "wrong"]],
    [3, "someone else's team", ["list", "--team", FORBIDDEN_TEAM]],
    [3, "a tail of someone else's team", ["tail", "--team", FORBIDDEN_TEAM]],
    [4, "an unknown entry", ["get", "17"]],
    [5, "no server", ["list", "--url", "http://127.0.0.1:1"]],
  ])("%i for %s", async (code, _, args) => {
    const result = await cli.annals(args);
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  it("are explained by --help", async () => {
    const { stdout } = await cli.annals(["--help"]);
    expect(stdout).toMatch(
      /Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 .*\n {2}4 .*\n {2}5 .*\n {2}6 /,
    );
  });
});
