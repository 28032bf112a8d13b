import { Worker } from "node:worker_threads";
import { CheckpointStoreError } from "./checkpoint-store.ts";
import type {
  DirectoryStoreWorkerData,
  StoredHead,
  StoreReply,
  StoreRequest,
} from "./directory-store-worker.ts";

interface Question {
  readonly request: StoreRequest;
  readonly resolve: (heads: StoredHead[]) => void;
  readonly reject: (error: Error) => void;
}

const groupRequests = 500;
const closeWithinMs = 1_000;

/** Asks a directory store's thread, a group of requests at a time. */
export class DirectoryStoreThread {
  readonly #data: DirectoryStoreWorkerData;
  readonly #answerMs: number;
  #worker: Worker | undefined;
  #waiting: Question[] = [];
  /** What the thread is at; empty while it is idle. */
  #asked: readonly Question[] = [];
  #late: NodeJS.Timeout | undefined;
  /** The thread has not answered in `answerMs`; until it has, it is asked nothing more. */
  #hangs = false;
  #closed = false;

  constructor(data: DirectoryStoreWorkerData, answerMs: number) {
    this.#data = data;
    this.#answerMs = answerMs;
  }

  /** @throws CheckpointStoreError */
  async ask(request: StoreRequest): Promise<StoredHead[]> {
    if (this.#closed) throw unusable("it is closed");
    if (this.#hangs) throw unusable("it does not answer");
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#send();
    });
  }

  /** Ends the thread when it has done what it is at; whoever waits is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fail("it is closed");
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = Promise.withResolvers<void>();
    worker.once("exit", () => ended.resolve());
    worker.postMessage("close");
    const late = setTimeout(() => {
      // A system call that hangs cannot be ended, but need not keep the process.
      worker.unref();
      void worker.terminate();
      ended.resolve();
    }, closeWithinMs);
    await ended.promise;
    clearTimeout(late);
  }

  #send(): void {
    if (this.#asked.length > 0 || this.#waiting.length === 0) return;
    this.#asked = this.#waiting.splice(0, groupRequests);
    this.#late = setTimeout(() => {
      this.#hangs = true;
      this.#fail("it does not answer");
    }, this.#answerMs);
    this.#worker ??= this.#start();
    this.#worker.postMessage(this.#asked.map(({ request }) => request));
  }

  #start(): Worker {
    const worker = new Worker(new URL("./directory-store-worker.ts", import.meta.url), {
      workerData: this.#data,
      // The program's own flags, such as --eval's, may not suit a thread.
      execArgv: [],
    });
    worker.on("message", (reply: StoreReply) => this.#answered(reply));
    worker.on("error", (error) => this.#fail(String(error)));
    worker.once("exit", () => {
      this.#worker = undefined;
      this.#hangs = false;
      this.#fail("its thread has ended");
    });
    return worker;
  }

  #answered(reply: StoreReply): void {
    clearTimeout(this.#late);
    this.#hangs = false;
    const asked = this.#asked;
    this.#asked = [];
    for (const [i, { resolve, reject }] of asked.entries()) {
      if ("heads" in reply) resolve(reply.heads[i] ?? []);
      else reject(unusable(reply.problem));
    }
    this.#send();
  }

  #fail(problem: string): void {
    clearTimeout(this.#late);
    const failed = [...this.#asked, ...this.#waiting.splice(0)];
    this.#asked = [];
    for (const { reject } of failed) reject(unusable(problem));
  }
}

function unusable(problem: string): CheckpointStoreError {
  return new CheckpointStoreError(`the checkpoint store cannot be used: ${problem}`);
}
