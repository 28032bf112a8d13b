/**
 * Runs the service: `ANNALS_URL=http://127.0.0.1:8080 ANNALS_TOKEN=… TEAM_ID=team-… node
 * examples/sandbox-platform/main.ts`. Without ANNALS_URL it runs all the same, and records nothing.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createRecorder } from "@annals/client";
import { catalogue } from "./events.ts";
import { Platform, type TeamId } from "./platform.ts";
import { createService } from "./service.ts";

const { ANNALS_URL, ANNALS_TOKEN, SPILL_DIRECTORY, TEAM_ID, PORT = "8081" } = process.env;

await using recorder = createRecorder({
  baseUrl: ANNALS_URL,
  token: ANNALS_TOKEN,
  ...(SPILL_DIRECTORY === undefined ? {} : { spillDirectory: SPILL_DIRECTORY }),
});
const platform = new Platform(catalogue.recordTo(recorder));
/** Stands for real authentication: everybody is Ada. */
const ada = {
  userId: "usr-7f0c9f60-33a3-4f59-8b0c-0d1a5a1a2b3c",
  name: "Ada Lovelace",
  teamId: (TEAM_ID ?? "team-00000000-0000-0000-0000-000000000000") as TeamId,
} as const;
const server = createService(platform, () => ada);
server.listen(Number(PORT), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
await once(process, "SIGTERM");
server.close();
server.closeAllConnections();
