/**
 * Imported with `--import`: names are looked up in the file HOSTS_FILE first, as it is at that moment,
 * and then as ever. So a name can begin to resolve while a process runs.
 */
import dns, { type LookupAddress, type LookupOptions } from "node:dns";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

type Callback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

const lookup = dns.lookup as (name: string, options: LookupOptions, callback: Callback) => void;

function lookupInFile(name: string, options: LookupOptions, callback: Callback): void {
  const address = addressOf(name);
  if (address === undefined) lookup(name, options, callback);
  else if (options.all) process.nextTick(callback, null, [{ address, family: 4 }]);
  else process.nextTick(callback, null, address, 4);
}

function addressOf(name: string): string | undefined {
  const lines = readFileSync(process.env.HOSTS_FILE ?? "", "utf8").split("\n");
  return lines.map((line) => line.split(" ")).find((words) => words[1] === name)?.[0];
}

dns.lookup = lookupInFile as typeof dns.lookup;
syncBuiltinESMExports();
