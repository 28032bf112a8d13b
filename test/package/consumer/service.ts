/**
 * What a service does with the package, as strict TypeScript. Compiled and run where the package is
 * installed; takes the server's address and a token from the environment, answers with JSON.
 */
import {
  type AuditClientOptions,
  createAuditClient,
  createRecorder,
  defineEvents,
  type EntryJson,
  type NewEntry,
  withAuditContext,
} from "@annals/client";
import { createTestRecorder } from "@annals/client/testing";
import { VerificationError, Verifier } from "@annals/client/verify";
import { createAuditClient as createWebClient } from "@annals/client/web";

const { ANNALS_URL: baseUrl = "", ANNALS_TOKEN: token = "" } = process.env;
const options: AuditClientOptions = { baseUrl, token };

const audit = defineEvents({ vm: { create: { scope: "team", status: "success" } } });

async function run(): Promise<object> {
  using client = createAuditClient(options);
  const entry: NewEntry = { action: "login", actor: { type: "anonymous" } };
  const recorded: EntryJson = await client.record(entry);

  const recorder = createRecorder({ baseUrl, token });
  const actor = { type: "system", id: "system" } as const;
  withAuditContext({ actor, requestId: "r-1" }, () => audit.recordTo(recorder).vm.create("vm-1"));
  const flushed = await recorder.flush();
  await recorder.close();

  const all: string[] = [];
  for await (const { action, sequence } of client.tail({ fromBeginning: true })) {
    all.push(`${sequence} ${action}`);
    if (all.length === 2) break;
  }
  const web = createWebClient(options);
  const last = await web.get({ teamId: recorded.teamId, sequence: 2 });

  const collected = createTestRecorder();
  audit.recordTo(collected).vm.create("vm-2");
  const { checkpoint, verifierKey } = await client.proofs.getCheckpoint({});
  const verified = await new Verifier({ keys: [verifierKey] }).verifyCheckpoint(
    checkpoint,
    recorded.teamId,
  );
  const forged = new Verifier({ keys: [verifierKey] })
    .verifyCheckpoint(checkpoint, "team-00000000-0000-4000-8000-000000000001")
    .catch((error: unknown) => error instanceof VerificationError && error.fault);
  return {
    node: process.version,
    flushed,
    all,
    last,
    collected: collected.entries.length,
    size: String(verified.size),
    forged: await forged,
  };
}

console.log(JSON.stringify(await run()));
