#!/usr/bin/env node
/** The command line. Reads `.env` as the server does, and turns every error into an exit code. */
import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { acceptRollbackCommand } from "./accept-rollback.ts";
import { dashboardCommand } from "./dashboard.ts";
import { demoCommand } from "./demo.ts";
import { loadEnvironmentFile } from "./environment-file.ts";
import { eraseCommand } from "./erase.ts";
import { exportCommand } from "./export.ts";
import { describeError, exitCodeHelp, exitCodeOf } from "./failure.ts";
import { getCommand } from "./get.ts";
import { keygenCommand } from "./keygen.ts";
import { keysCommand } from "./keys.ts";
import { listCommand } from "./list.ts";
import { migrateCommand } from "./migrate.ts";
import { isClosedPipe, warn } from "./output.ts";
import { proveCommand } from "./prove.ts";
import { recordCommand } from "./record.ts";
import { serveCommand } from "./serve.ts";
import { tailCommand } from "./tail.ts";
import { tokenCommand } from "./token.ts";
import { verifyCommand } from "./verify.ts";

const program = new Command("annals")
  .description("The audit trail: record who did what, read it back, watch it live.")
  .version(manifest.version)
  .showHelpAfterError("(--help shows what there is)")
  .addHelpText("after", exitCodeHelp);
for (const command of [
  serveCommand(),
  migrateCommand(),
  recordCommand(),
  listCommand(),
  tailCommand(),
  getCommand(),
  verifyCommand(),
  proveCommand(),
  exportCommand(),
  eraseCommand(),
  keysCommand(),
  keygenCommand(),
  acceptRollbackCommand(),
  tokenCommand(),
  dashboardCommand(),
  demoCommand(),
]) {
  program.addCommand(command);
}
throwInsteadOfExit(program);

// Failed writes are reported by print; without a listener they would end the process.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

try {
  loadEnvironmentFile();
  await program.parseAsync();
} catch (error) {
  process.exitCode = failed(error);
}

function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (isClosedPipe(error)) return 0;
  const [first, ...rest] = describeError(error);
  if (first !== undefined) warn(`annals: ${first}`, ...rest);
  return exitCodeOf(error);
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) {
    subcommand.copyInheritedSettings(command);
    throwInsteadOfExit(subcommand);
  }
}
