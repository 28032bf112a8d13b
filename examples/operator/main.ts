/**
 * The operator's command line: `node examples/operator/main.ts secret set db-password 3`.
 *
 * Whoever runs it has no id of the platform's: the tool is the actor, with the local user for its name.
 */
import { userInfo } from "node:os";
import { createRecorder, withAuditContext } from "@annals/client";
import { commands } from "./commands.ts";
import { catalogue } from "./events.ts";

const { ANNALS_URL, ANNALS_TOKEN } = process.env;
const [resource, action, name = "", ...rest] = process.argv.slice(2);
const command = commands[`${resource} ${action}`];

await using recorder = createRecorder({ baseUrl: ANNALS_URL, token: ANNALS_TOKEN });
if (command === undefined) {
  console.error(`one of: ${Object.keys(commands).join(", ")}`);
  process.exitCode = 2;
} else {
  const actor = { type: "service", id: "operator-cli", name: userInfo().username } as const;
  withAuditContext({ actor }, () => command(catalogue.recordTo(recorder), name, ...rest));
}
