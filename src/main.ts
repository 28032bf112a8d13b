import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { type Config, ConfigError, loadConfig } from "./config.ts";
import { createLogger } from "./logger.ts";
import {
  annalsCommand,
  demoTeamId,
  developmentFiles,
  signInLink,
  signInToken,
} from "./server/development.ts";
import { type RunningServer, startServer } from "./server/server.ts";

/** A heap that may be this large may also be let grow; bytes. */
const roomyHeap = 2 ** 30;

/** See docs/decisions/0024. */
function tuneGarbageCollection(): void {
  // Calls that wait are not to be allocated in the old space, where they keep what they refer to.
  setFlagsFromString("--no-allocation-site-pretenuring");
  // Full collections, each of which delays some hundred calls by 20 ms and more, are to be rare. Where memory
  // is short V8 knows better.
  if (getHeapStatistics().heap_size_limit >= roomyHeap) {
    setFlagsFromString("--heap-growing-percent=300");
  }
}

/** Runs the server until SIGTERM or SIGINT. A second signal ends it at once. */
export async function serve(): Promise<void> {
  tuneGarbageCollection();
  if (existsSync(".env")) loadEnvFile(".env");
  const config = loadConfig(process.env);
  const logger = createLogger(config.logLevel);
  const server = await startServer(config, logger);
  let signalled = false;
  const stop = (signal: NodeJS.Signals) => {
    if (signalled) process.exit(1);
    signalled = true;
    logger.info({ signal }, "shutting down");
    server.close().catch((error: unknown) => {
      logger.fatal({ err: error }, "the server did not close cleanly");
      process.exitCode = 1;
    });
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  if (!config.production && "dataDir" in config.database) {
    process.stdout.write(await welcome(config, config.database.dataDir, server));
  }
  await server.closed;
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
}

/** What a person needs next. Written to standard output only: the link is as good as its token. */
async function welcome(config: Config, dataDir: string, { url }: RunningServer): Promise<string> {
  if (config.jwt !== undefined) return `Annals is ready at ${url} (data in ${dataDir}).\n`;
  const { token } = developmentFiles(dataDir);
  const annals = annalsCommand(url, dataDir);
  const dashboard = config.dashboard
    ? `
  Look at it (the link signs you in, for 12 hours; ${annals} dashboard makes another):
    ${signInLink(url, await signInToken(dataDir))}
`
    : "";
  return `
Annals is ready at ${url}
${dashboard}
  Development token (platform admin, team ${demoTeamId}):
    ${token}

  Record an entry:
    curl ${url}/audit.v1.AuditService/Record \\
      -H "Authorization: Bearer $(cat ${token})" -H "Content-Type: application/json" \\
      -d '{"entry": {"action": "create", "resource": {"type": "snapshot", "id": "nightly"}}}'

  Watch it in a terminal: ${annals} tail
  List what is there:     ${annals} list

`;
}

if (import.meta.main) {
  try {
    await serve();
  } catch (error) {
    if (!(error instanceof ConfigError)) createLogger("fatal").fatal({ err: error }, "cannot run");
    else process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
