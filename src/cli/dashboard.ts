/** `annals dashboard`: a link that opens the dashboard and signs in there. */
import { Command } from "commander";
import { type ConnectionFlags, isThisMachine, serverUrl, withConnection } from "./connection.ts";
import { NoCredentialError, UsageError } from "./failure.ts";
import { print } from "./output.ts";

interface DashboardFlags extends ConnectionFlags {
  page?: string;
}

/** The command. */
export function dashboardCommand(): Command {
  const command = new Command("dashboard")
    .description("print a link that opens the dashboard and signs in there, with the token given")
    .option("--page <url>", "where the dashboard is served, if not by the server itself")
    .addHelpText(
      "after",
      `
Without --token it makes a platform admin's token of the development secret in DATA_DIR, good for
12 hours, for a server on this machine. Whoever has the link has the token in it.`,
    );
  return withConnection(command).action(async (flags: DashboardFlags) => {
    const { signInLink } = await import("../server/development.ts");
    const url = serverUrl(flags);
    const token = flags.token || (await freshToken(url));
    await print(`${signInLink(pageUrl(flags) ?? url.href, token, flags.team || undefined)}\n`);
  });
}

function pageUrl({ page }: DashboardFlags): string | undefined {
  if (page === undefined || /^https?:$/.test(URL.parse(page)?.protocol ?? "")) return page;
  throw new UsageError(`--page: ${JSON.stringify(page)} is not an http or https address`);
}

async function freshToken(url: URL): Promise<string> {
  const advice = "give --token or set ANNALS_TOKEN";
  if (!isThisMachine(url)) throw new NoCredentialError(`no credential for ${url.host}: ${advice}`);
  const { developmentFiles, signInToken } = await import("../server/development.ts");
  const dataDir = process.env.DATA_DIR || "data";
  try {
    return await signInToken(dataDir);
  } catch (error) {
    const { secret } = developmentFiles(dataDir);
    throw new NoCredentialError(`no credential: ${advice} (no development secret in ${secret})`, {
      cause: error,
    });
  }
}
