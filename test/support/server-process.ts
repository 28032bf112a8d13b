import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { type AuditClient, createAuditClient } from "../../src/client/client.ts";
import { fastLane } from "./fast-lane.ts";
import { programEnv } from "./program-env.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const READY_WITHIN_MS = 30_000;
const CLOSES_WITHIN_MS = 12_000;

/** The secret of the JWTs that servers started here accept, all of this test file's alike. */
const secret = randomBytes(24).toString("hex");
const admin = `usr-${randomUUID()}`;

/** A server in a process of its own, for tests that kill, freeze or outnumber it. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Its log so far, one object a line. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  /** Whether the process still lives. */
  readonly alive: boolean;
  /** A client with a platform admin's credential, closed with the server. */
  client(options?: { timeoutMs?: number }): AuditClient;
  /** Sends a signal and goes on. */
  signal(name: NodeJS.Signals): void;
  /**
   * Sends a signal and waits for the end.
   *
   * @throws Error if a server asked to close does not do so cleanly within its 10 s.
   */
  end(name: NodeJS.Signals): Promise<void>;
}

/**
 * Starts `src/main.ts` with no environment but `env` and ready to serve. Dispose ends it as an
 * operator would, and fails the test if it does not close cleanly within its 10 s.
 */
export async function startServerProcess(
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [main], {
    cwd: tmpdir(),
    env: {
      ...programEnv,
      PORT: "0",
      LOG_LEVEL: "info",
      AUTH_JWT_SECRET: secret,
      FAST_LANE: fastLane,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const logs: Record<string, unknown>[] = [];
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      const parsed = JSON.parse(line) as Record<string, unknown>;
      logs.push(parsed);
      if (parsed.msg === "listening") resolve(String(parsed.url));
    });
  });
  const late = AbortSignal.timeout(READY_WITHIN_MS);
  const url = await Promise.race([
    listening,
    ended.then(() => undefined),
    once(late, "abort").then(() => undefined),
  ]);
  if (url === undefined) {
    child.kill("SIGKILL");
    await ended;
    throw new Error(`the server did not start: ${complaint}${JSON.stringify(logs)}`);
  }
  return new Running(child, url, logs, ended);
}

let token: Promise<string> | undefined;

/** The JWT of one platform admin, always the same, that the servers started here accept, good for an hour. */
export function adminToken(): Promise<string> {
  token ??= new SignJWT({ role: "platform_admin" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(admin)
    .setIssuedAt()
    .setExpirationTime("1 hour")
    .sign(Buffer.from(secret));
  return token;
}

class Running implements ServerProcess {
  readonly url: string;
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #clients: AuditClient[] = [];

  constructor(
    child: ChildProcess,
    url: string,
    logs: readonly Record<string, unknown>[],
    ended: Promise<unknown>,
  ) {
    this.#child = child;
    this.url = url;
    this.logs = logs;
    this.#ended = ended;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  client(options: { timeoutMs?: number } = {}): AuditClient {
    const client = createAuditClient({ baseUrl: this.url, token: adminToken, ...options });
    this.#clients.push(client);
    return client;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    this.#child.kill(name);
    const tooLate = setTimeout(() => this.#child.kill("SIGKILL"), CLOSES_WITHIN_MS);
    await this.#ended;
    clearTimeout(tooLate);
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 || name === "SIGKILL") return;
    const lastLines = JSON.stringify(this.logs.slice(-20));
    throw new Error(`the server did not close cleanly (${exitCode ?? signalCode}): ${lastLines}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    if (!this.alive) return;
    this.#child.kill("SIGCONT");
    await this.end("SIGTERM");
  }
}
