/** Where in an append's bytes a fault is to strike, whichever way it goes. */

const sync = Buffer.from("S\0\0\0\u0004");
const readyAndIdle = Buffer.from("Z\0\0\0\u0005I");

/** Whether what is sent to PostgreSQL ends an append's transaction: heads are written, and Sync is last. */
export function endsAppend(sent: Buffer): boolean {
  return sent.includes("grow") && sent.subarray(-sync.length).equals(sync);
}

/** Whether what PostgreSQL answers is that an append's transaction has committed. */
export function saysCommitted(answer: Buffer): boolean {
  return answer.includes("UPDATE ") && answer.includes(readyAndIdle);
}
