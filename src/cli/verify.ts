/** `annals verify`: a log on a server, an export or a proof file, checked without trusting anyone. */
import { Command } from "commander";
import { reasonOf } from "../client/error-reason.ts";
import { plainJson } from "../client/plain-json.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { connectionNotices, patience } from "./connection-notices.ts";
import { UsageError } from "./failure.ts";
import { openLog } from "./open-log.ts";
import { print } from "./output.ts";
import { Progress } from "./progress.ts";
import { stateDirectory, type TrustFlags, withTrust } from "./verifier-keys.ts";
import { extentText, isWhole, requireOpened } from "./verify-extent.ts";
import { verifying } from "./verify-failure.ts";
import { verifyFile } from "./verify-file.ts";
import { walkLog } from "./verify-log.ts";
import { verifyProof } from "./verify-proof.ts";
import { checkpointJson, checkpointLines, logLines, reportText } from "./verify-report.ts";

interface VerifyFlags extends ConnectionFlags, TrustFlags {
  sinceLast?: boolean;
  file?: string;
  proof?: string;
  allowPruned?: boolean;
  requireOpened?: boolean;
  json?: boolean;
}

/** The command. */
export function verifyCommand(): Command {
  const command = new Command("verify")
    .description("check that a whole log is as it was signed; or an export, or a proof, offline")
    .option("--since-last", "go on from where the last finished run ended")
    .option("--file <export>", "check an NDJSON export instead, without a server")
    .option("--proof <file>", "check a proof file instead, without a server")
    .option("--allow-pruned", "accept a log or an export whose first entries are not there")
    .option("--require-opened", "fail if there is any position of which only the hash is given")
    .option("--json", "what was found as one JSON object on a line");
  return withTrust(withConnection(command)).action(verify);
}

async function verify(flags: VerifyFlags): Promise<void> {
  const { sinceLast, file, proof, json } = flags;
  if ([sinceLast, file, proof].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("--since-last, --file and --proof exclude one another");
  }
  await verifying(await stateDirectory(flags), async () => {
    if (file !== undefined) await verifyFile(file, flags);
    else if (proof !== undefined) await verifyProof(proof, flags, json ?? false);
    else await verifyLog(flags);
  });
}

async function verifyLog(flags: VerifyFlags): Promise<void> {
  using client = await connect(flags);
  using progress = new Progress({ label: "verifying", unit: "entries" });
  const onState = connectionNotices(flags.url, (line) => progress.say(line));
  const retry = { signal: new AbortController().signal, onState, maxFailures: patience };
  const log = await openLog(client, flags, retry);
  const { before, known } = log;
  const sinceLast = flags.sinceLast ?? false;
  const report = await walkLog(client, log, {
    ...{ retry, sinceLast, allowPruned: flags.allowPruned ?? false },
    onProgress: (done, total) => progress.set(Number(done), Number(total)),
  }).catch((error: unknown) => {
    if (!sinceLast || reasonOf(error) !== "CURSOR_EXPIRED") throw error;
    throw new UsageError("what came after the last run is pruned: verify without --since-last");
  });
  progress[Symbol.dispose]();
  const { checkpoint, opened, withheld, erased, start } = report;
  const { pruned, withheld: withheldBefore } = start;
  const extent = { checkpoint, pruned, withheld: withheldBefore + withheld };
  if (flags.requireOpened) requireOpened(extent);
  if (flags.json) {
    const counts = { opened, withheld, erased, from: String(start.size + 1n), start: start.reason };
    const missing = { whole: isWhole(extent), pruned: String(pruned), withheldBefore };
    const seen = before && { seenBefore: String(before.size) };
    const found = { ...checkpointJson(checkpoint, known), ...counts, ...missing, ...seen };
    await print(`${plainJson(found)}\n`);
    return;
  }
  const seen = before
    ? `it goes on from the ${before.size} entries that were signed when it was last seen`
    : "nothing was remembered of it: a rewrite before now would not be noticed";
  await print(
    reportText(extentText(extent), [
      ...logLines(report),
      ...checkpointLines(checkpoint, known),
      ["before", seen],
    ]),
  );
}
