/** `annals token`: JWTs for trying things out. In production the platform issues them. */
import { readFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { SignJWT } from "jose";
import type { Config } from "../config.ts";
import { UsageError } from "./failure.ts";
import { print } from "./output.ts";
import { parseSpan } from "./time.ts";

interface TokenFlags {
  user: string;
  name?: string;
  team?: string;
  role: string;
  grant?: string[];
  expiresIn: number;
}

/** Roles whose tokens need no team. */
const withoutTeam = ["service", "platform_admin"];

/** The command. */
export function tokenCommand(): Command {
  return new Command("token")
    .description("make a token signed with the development secret (not in production)")
    .requiredOption("--user <id>", "the caller's id (usr-…), or a service's name")
    .option("--name <name>", "the caller's name")
    .addOption(new Option("--team <id>", "the caller's team (team-…)").env("ANNALS_TEAM"))
    .addOption(
      new Option("--role <role>", "what the caller is")
        .choices(["member", "admin", "owner", "service", "platform_admin"])
        .default("member"),
    )
    .option(
      "--grant <grant>",
      "what a service may do besides recording: read, read_admin; repeatable",
      (text: string, previous: string[] = []) => [...previous, text],
    )
    .option("--expires-in <span>", "how long it works", parseSpan, 12 * 3_600_000)
    .action(async (flags: TokenFlags) => {
      const { loadConfig } = await import("../config.ts");
      await print(`${await mint(flags, loadConfig(process.env), process.env.NODE_ENV)}\n`);
    });
}

async function mint(
  flags: TokenFlags,
  config: Config,
  nodeEnv: string | undefined,
): Promise<string> {
  if (nodeEnv === "production") throw new UsageError("not in production: NODE_ENV says so");
  if (flags.team === undefined && !withoutTeam.includes(flags.role)) {
    throw new UsageError(`--team is required for the role ${flags.role}`);
  }
  const { claims } = config.jwtDefaults;
  const alg = config.jwt?.algorithms?.find((each) => each.startsWith("HS")) ?? "HS256";
  const token = new SignJWT({
    ...(flags.name !== undefined && { [claims.name]: flags.name }),
    ...(flags.team !== undefined && { [claims.team]: flags.team }),
    [claims.role]: flags.role,
    ...(flags.grant && { [claims.grants]: flags.grant }),
    [claims.subject]: flags.user,
  })
    .setProtectedHeader({ alg, typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(Math.floor((Date.now() + flags.expiresIn) / 1000));
  if (config.jwt?.issuer !== undefined) token.setIssuer(config.jwt.issuer);
  if (config.jwt?.audience !== undefined) token.setAudience(config.jwt.audience);
  return token.sign(new TextEncoder().encode(await signingSecret(config)));
}

async function signingSecret({ jwt, database }: Config): Promise<string> {
  if (jwt?.secret !== undefined) return jwt.secret;
  if (jwt !== undefined || "url" in database) {
    throw new UsageError(
      "tokens are issued elsewhere: AUTH_JWKS_URL or AUTH_JWT_PUBLIC_KEY is set",
    );
  }
  const { developmentFiles } = await import("../server/development.ts");
  const path = developmentFiles(database.dataDir).secret;
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new UsageError(`no development secret in ${path}: start the server once`, {
      cause: error,
    });
  }
}
