import { type BackoffOptions, longestTimerMs } from "../backoff.ts";
import { type AuditClientOptions, createAuditClient } from "../client.ts";
import { defaultRedaction } from "../metadata/redact.ts";
import { compileRedaction, type RedactionOptions } from "../metadata/redaction.ts";
import { checkNames } from "../option-names.ts";
import { BufferedRecorder } from "./buffered-recorder.ts";
import { disabledRecorder } from "./disabled-recorder.ts";
import type { Recorder } from "./recorder.ts";

/** Where to record, as whom, and with how much memory and disk. */
export interface RecorderOptions extends Omit<AuditClientOptions, "baseUrl"> {
  /** The server's address. Without it nothing is recorded, and one warning says so. */
  readonly baseUrl?: string | undefined;
  /** The deadline of one call, in milliseconds; 10,000 unless given. A call is repeated until it succeeds. */
  readonly timeoutMs?: number | undefined;
  /**
   * The most entries in memory; 10,000 unless given. With `spillDirectory` memory may take eight times this,
   * and eight times `maxBytes`, but of bytes no more than an eighth of V8's heap, until a disk that works has
   * caught up with a burst.
   */
  readonly maxEntries?: number | undefined;
  /**
   * The most bytes of encoded entries in memory; 16 MiB unless given. They lie on V8's heap, so keep this well
   * below `--max-old-space-size`; each entry takes about 150 bytes besides.
   */
  readonly maxBytes?: number | undefined;
  /**
   * Where entries wait for which memory has no room, and those that a process leaves behind when it ends
   * and the server is away. Processes may share it. Without it such entries are dropped and counted.
   */
  readonly spillDirectory?: string | undefined;
  /** The most bytes in that directory; 256 MiB unless given. */
  readonly spillMaxBytes?: number | undefined;
  /** What never leaves the process; by default what has a secret's name, such as `password` or `token`. */
  readonly redact?: RedactionOptions | undefined;
  /** Waits between calls: up to 100 ms after the first failure, up to 30 s at last. */
  readonly backoff?: BackoffOptions | undefined;
}

const names: readonly (keyof RecorderOptions)[] = [
  ...(["baseUrl", "token", "apiKey", "transport", "interceptors", "timeoutMs", "redact"] as const),
  ...(["maxEntries", "maxBytes", "spillDirectory", "spillMaxBytes", "backoff"] as const),
];

/**
 * Creates a recorder. It connects with the first entry, and keeps no process from ending.
 *
 * @throws TypeError or RangeError for options that cannot be meant; what happens later never throws.
 */
export function createRecorder(options: RecorderOptions = {}): Recorder {
  const { baseUrl, transport } = options;
  checkNames(options, names, "createRecorder");
  const limits = {
    maxEntries: positive("maxEntries", options.maxEntries ?? 10_000),
    maxBytes: positive("maxBytes", options.maxBytes ?? 16 * 1024 * 1024),
    spillMaxBytes: positive("spillMaxBytes", options.spillMaxBytes ?? 256 * 1024 * 1024),
    timeoutMs: positive("timeoutMs", options.timeoutMs ?? 10_000),
  };
  if (limits.timeoutMs > longestTimerMs) {
    throw new RangeError(`timeoutMs must be at most ${longestTimerMs}`);
  }
  if (!baseUrl && transport === undefined) return disabledRecorder();
  const client = createAuditClient({ ...options, baseUrl: baseUrl ?? "" });
  return new BufferedRecorder(client, {
    ...limits,
    spillDirectory: options.spillDirectory,
    backoff: options.backoff ?? { baseMs: 100, maxMs: 30_000 },
    // Interceptors may want to see what is sent, which is encoded otherwise.
    binary: transport === undefined && options.interceptors === undefined,
    redaction: options.redact ? compileRedaction(options.redact) : defaultRedaction(),
  });
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a whole number above 0, not ${value}`);
}
