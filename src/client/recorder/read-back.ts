import { Buffer } from "node:buffer";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Pending } from "./lanes.ts";
import type { SpilledEntry } from "./spill/spill.ts";

/** An entry read back. Whoever flushes waits for the disk to be empty, whatever its epoch. */
export function pendingOf(spilled: SpilledEntry): Pending {
  const { bytes } = spilled;
  const reader = new BinaryReader(bytes);
  let id = "";
  let teamId = "";
  // Entries are written with their fields in order, so these come first.
  for (let field = 0; reader.pos < reader.len && field < 2; ) {
    const [number, wireType] = reader.tag();
    field = number;
    if (number === 1) id = reader.string();
    else if (number === 2) teamId = reader.string();
    else reader.skip(wireType);
  }
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return { id, teamId, data, epoch: 0, failures: 0, spilled };
}
