/** `annals demo`: the server with entries arriving all the time. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Config } from "../config.ts";
import { UsageError } from "./failure.ts";
import { untilInterrupted } from "./signals.ts";

/** The values of the flags. */
export interface DemoFlags {
  rate: number;
  url?: string;
  token?: string;
  seed: number;
}

/** The command. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("run the server with realistic entries arriving all the time; ends with Ctrl-C")
    .option("--rate <n>", "entries a second, on average", positiveNumber, 4)
    .option("--url <url>", "record into a server that runs already, instead of starting one")
    .addOption(new Option("--token <token>", "a platform admin's token for it").env("ANNALS_TOKEN"))
    .option("--seed <n>", "what happens; the same seed tells the same story", Number, Date.now())
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  using interrupted = untilInterrupted();
  const { signal } = interrupted;
  const { live } = await import("./demo-live.ts");
  if (flags.url !== undefined) return await live({ ...flags, url: flags.url }, signal);
  const { loadConfig } = await import("../config.ts");
  const { createLogger } = await import("../logger.ts");
  const { startServer } = await import("../server/server.ts");
  const config = loadConfig(process.env);
  if (config.production) throw new UsageError("not with DATABASE_URL or NODE_ENV=production");
  const server = await startServer(config, createLogger("warn"));
  try {
    const { url } = server;
    const { annalsCommand } = await import("../server/development.ts");
    const link = await demoLink(config, url);
    const annals = "dataDir" in config.database && annalsCommand(url, config.database.dataDir);
    await live({ ...flags, url, ...(link && { link }), ...(annals && { annals }) }, signal);
  } finally {
    await server.close();
  }
}

/** A link to look at it, if there is a dashboard and the credentials are those made for developers. */
async function demoLink({ dashboard, jwt, database }: Config, url: string) {
  if (!dashboard || jwt !== undefined || !("dataDir" in database)) return undefined;
  const { signInLink, signInToken } = await import("../server/development.ts");
  return signInLink(url, await signInToken(database.dataDir));
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1_000) return value;
  throw new InvalidArgumentError("It must be a number above 0, at most 1000.");
}
