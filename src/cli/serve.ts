/** `annals serve`: the server, as `npm start` runs it. */
import { Command } from "commander";

/** The command. The server is loaded only when asked for: other commands start faster without. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("run the server; configured by the environment and .env")
    .action(async () => {
      const { serve } = await import("../main.ts");
      await serve();
    });
}
