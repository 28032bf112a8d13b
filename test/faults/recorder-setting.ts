import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRecorder, type RecorderOptions } from "../../src/client/recorder/create-recorder.ts";
import type { Recorder } from "../../src/client/recorder/recorder.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { createDatabase } from "../support/postgres.ts";
import {
  type RecorderProcess,
  type RecorderProcessOptions,
  startRecorderProcess,
} from "../support/recorder-process.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

/** A server on a database of its own, behind a proxy, and what records there. */
export interface RecorderSetting extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly server: TestServer;
  readonly proxy: FaultProxy;
  /** Two teams that nobody has recorded in. */
  readonly teams: readonly string[];
  /** What a recorder needs to record there, as a service, and to try again soon. */
  readonly options: RecorderOptions & { readonly token: string };
  /** Makes a recorder that is closed before the server is. */
  recorder(options?: Partial<RecorderOptions>): Recorder;
  /** Starts a process with a recorder and traffic in the two teams. */
  process(
    name: string,
    options?: Partial<RecorderOptions>,
    more?: Partial<RecorderProcessOptions>,
  ): Promise<RecorderProcess>;
  /** An empty directory; removed in the end. */
  directory(): Promise<string>;
}

/** Starts all of it. Use `await using`. */
export async function startRecorderSetting(): Promise<RecorderSetting> {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await createDatabase());
  const server = cleanup.use(await startTestServer({ database }));
  const proxy = cleanup.use(await startFaultProxy(server.url));
  const options = {
    baseUrl: proxy.url,
    token: await server.jwt({ role: "service" }),
    backoff: { baseMs: 20, maxMs: 200 },
  };
  const teams = [newId("team"), newId("team")];
  const owned = cleanup.move();
  return {
    databaseUrl: database.url,
    server,
    proxy,
    teams,
    options,
    recorder: (more) => owned.use(createRecorder({ ...options, ...more })),
    process: async (name, more, others) =>
      owned.use(
        await startRecorderProcess({
          recorder: { ...options, ...more },
          traffic: { teams, name },
          ...others,
        }),
      ),
    directory: async () => {
      const path = await mkdtemp(join(tmpdir(), "annals-test-spill-"));
      owned.defer(() => rm(path, { recursive: true, force: true }));
      return path;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
