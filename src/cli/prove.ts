/** `annals prove`: an entry with the proof that it is in its log, as a file. */
import { access } from "node:fs/promises";
import { Command } from "commander";
import { formatExportLine } from "../client/export-lines.ts";
import { retrying } from "../client/retry.ts";
import { formatTlogProof } from "../client/tlog-proof.ts";
import { parseEntryId } from "../ids.ts";
import { replaceFile } from "./atomic-file.ts";
import { type ConnectionFlags, connect, withConnection } from "./connection.ts";
import { UsageError, VerificationFailure } from "./failure.ts";
import { entryKey } from "./get.ts";
import { openLog } from "./open-log.ts";
import { print } from "./output.ts";
import { requireFilePlace } from "./output-path.ts";
import { plainText } from "./plain-text.ts";
import { stateDirectory, type TrustFlags, withTrust } from "./verifier-keys.ts";
import { verifying } from "./verify-failure.ts";

interface ProveFlags extends ConnectionFlags, TrustFlags {
  output?: string;
}

/** The command. */
export function proveCommand(): Command {
  const command = new Command("prove")
    .description("write a file that proves to anyone, offline, that an entry is in its log")
    .argument("<entry>", "its id (log-…) or its number in the team's log")
    .option("-o, --output <file>", "the file (default: <id>.tlog-proof); - for standard output");
  return withTrust(withConnection(command)).action(prove);
}

async function prove(given: string, flags: ProveFlags): Promise<void> {
  await verifying(await stateDirectory(flags), async () => {
    if (flags.output !== undefined) await requireAbsent(flags.output);
    using client = await connect(flags);
    const teamId = flags.team ?? "";
    const { entry } = await client.audit.get({ teamId, key: entryKey(given) });
    const isAsked = entry && [entry.id, String(entry.sequence)].includes(given);
    if (!isAsked || parseEntryId(entry.id) === undefined) {
      throw new VerificationFailure("verification failed: this is not the entry asked for");
    }
    const retry = { signal: new AbortController().signal, maxFailures: 5 };
    const log = await openLog(client, flags, retry);
    const { checkpoint, verifier } = log;
    const key = { case: "sequence", value: entry.sequence } as const;
    const treeSize = checkpoint.size;
    const ask = () => client.proofs.getInclusionProof({ teamId: log.teamId, key, treeSize });
    const { leafIndex: index, hashes } = await retrying(ask, retry);
    verifier.verifyEntry(entry, { leafIndex: index, treeSize, hashes }, checkpoint);

    const extra = new TextEncoder().encode(formatExportLine({ kind: "entry", entry }));
    const text = formatTlogProof({ extra, index, hashes, checkpoint: checkpoint.note });
    const path = flags.output ?? `${entry.id}.tlog-proof`;
    if (path === "-") {
      await print(text);
      return;
    }
    await requireAbsent(path);
    await replaceFile(path, text);
    const origin = plainText(checkpoint.origin);
    await print(`${path}: entry ${entry.sequence} of ${origin}, with its proof\n`);
  });
}

/** An older proof is worth keeping: its checkpoint shows the log at another time. */
async function requireAbsent(path: string): Promise<void> {
  if (path === "-") return;
  await requireFilePlace(path);
  try {
    await access(path);
  } catch {
    return;
  }
  throw new UsageError(`${path} exists already: give another file with --output`);
}
