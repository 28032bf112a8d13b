import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeJwt, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { linesOf, runCli, useCli } from "../support/cli.ts";
import { TEAM, TOKEN } from "../support/fake-service.ts";

const cli = useCli();

describe("the credential", () => {
  it("is the development token of the data directory when none is given", async () => {
    await mkdir(join(cli.cwd, "data"));
    await writeFile(join(cli.cwd, "data", "dev-token"), `${TOKEN}\n`);
    expect((await cli.annals(["list"], { ANNALS_TOKEN: "" })).code).toBe(0);
    expect((await cli.annals(["list"], { ANNALS_TOKEN: "", DATA_DIR: "elsewhere" })).code).toBe(3);
    const remote = ["list", "--url", "http://annals.invalid:8080"];
    expect(await cli.annals(remote, { ANNALS_TOKEN: "" })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("no credential for annals.invalid:8080"),
    });
  });

  it("comes from .env, and the environment stands over that", async () => {
    await writeFile(join(cli.cwd, ".env"), "ANNALS_TOKEN=from-file\n");
    const env = { ANNALS_URL: cli.fake.url };
    expect((await runCli(["list"], { cwd: cli.cwd, env })).code).toBe(3);
    expect(cli.fake.tokensSeen).toEqual(["from-file"]);
    expect((await cli.annals(["list"])).code).toBe(0);
  });
});

describe("keys", () => {
  it("are made, listed and revoked", async () => {
    const made = await cli.annals([
      ...["keys", "create", "--name", "deploy bot", "--grant", "read"],
      ...["--grant", "record_any_actor", "--expires-in", "90d"],
    ]);
    expect(made).toMatchObject({ code: 0, stdout: "annals_FakeSecret\n" });
    const id = cli.fake.keys[0]?.id ?? "";
    const listed = await cli.annals(["keys", "list"]);
    expect(linesOf(listed.stdout)[1]).toMatch(
      `${id}  deploy bot  read, record_any_actor  annals_Fake…`,
    );
    const revoked = await cli.annals(["keys", "revoke", id]);
    expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining(`revoked ${id}`) });
    expect(JSON.parse((await cli.annals(["keys", "list", "--json"])).stdout)).toMatchObject({
      id,
      grants: ["read", "record_any_actor"],
      revokeTime: "2026-03-02T00:00:00.000Z",
    });
    expect((await cli.annals(["keys", "revoke", "key-unknown"])).code).toBe(4);
    expect((await cli.annals(["keys", "create", "--name", "x", "--grant", "all"])).code).toBe(2);
  });
});

describe("token", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const args = ["token", "--user", "usr-1", "--name", "Ada", "--team", TEAM, "--role", "admin"];

  it("is signed with the configured secret and has the configured claims", async () => {
    const env = { AUTH_JWT_SECRET: secret, AUTH_ISSUER: "me", AUTH_AUDIENCE: "annals" };
    const { code, stdout } = await cli.annals([...args, "--expires-in", "2h"], env);
    expect(code).toBe(0);
    const { payload } = await jwtVerify(stdout.trim(), new TextEncoder().encode(secret), {
      algorithms: ["HS256"],
      issuer: "me",
      audience: "annals",
    });
    expect(payload).toMatchObject({ sub: "usr-1", name: "Ada", team_id: TEAM, role: "admin" });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(7_200);
  });

  it("takes the names of claims from the configuration", async () => {
    const env = { AUTH_JWT_SECRET: secret, AUTH_CLAIM_TEAM: "tenant" };
    const { stdout } = await cli.annals(args, env);
    expect(decodeJwt(stdout.trim())).toMatchObject({ tenant: TEAM });
  });

  it.each<[string, Record<string, string>]>([
    ["in production", { NODE_ENV: "production", AUTH_JWT_SECRET: secret }],
    ["with published keys", { AUTH_JWKS_URL: "https://example.com/keys" }],
    ["with a public key", { AUTH_JWT_PUBLIC_KEY: "-----BEGIN PUBLIC KEY-----" }],
    ["with a wrong configuration", { PORT: "no" }],
    ["before the server has made a secret", {}],
  ])("is refused %s", async (_, env) => {
    const { code, stdout, stderr } = await cli.annals(args, env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^annals: /);
  });
});
