import { fromBinary } from "@bufbuild/protobuf";
import { AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { createPrefixRegistry, type PrefixRegistry } from "../../ids.ts";
import { surroundings } from "../context/surroundings.ts";
import { type EntryJson, entryToJson } from "../entry-json.ts";
import { tellAmended } from "../events/amended.ts";
import { compileRedaction, type Redaction, type RedactionOptions } from "../metadata/redaction.ts";
import type { NewEntry } from "../new-entry.ts";
import { Emitter } from "../recorder/emitter.ts";
import { bytesOf, encodeEntry } from "../recorder/encode-entry.ts";
import { NotRecordedError, type Recorder } from "../recorder/recorder.ts";
import type { RecorderEvents, RecorderStats, RefusedEntry } from "../recorder/stats.ts";
import { Tally } from "../recorder/tally.ts";
import { entryMistakes } from "./entry-rules.ts";
import { unknownFields } from "./unknown-fields.ts";

/**
 * An entry as it would be sent: with id, time and what the context fills in, redacted. What only the
 * server knows is missing, so team and actor are too, where nobody gave any.
 */
export type TestEntry = Pick<
  EntryJson,
  "id" | "action" | "resource" | "metadata" | "context" | "occurTime"
> &
  Partial<Pick<EntryJson, "teamId" | "actor">> & {
    readonly scope: NonNullable<NewEntry["scope"]>;
    readonly status: NonNullable<NewEntry["status"]>;
  };

/** How strict to be, and which ids are registered. */
export interface TestRecorderOptions {
  /** The same as the real recorder's `redact`. */
  readonly redact?: RedactionOptions;
  /** Changes to the registered prefixes, as in the server's configuration. */
  readonly prefixes?: Readonly<Record<string, string | null>>;
  /**
   * What to do about an entry that the server would refuse, of which something had to be left out, or
   * that comes after `close`: `throw` from `record`, and from each assertion afterwards (unless given
   * otherwise), or just `collect` it in `mistakes`.
   */
  readonly mistakes?: "throw" | "collect";
}

/** An entry that was not, or not wholly, recorded. */
export class RecordingMistake extends Error {
  override readonly name = "RecordingMistake";
}

const nothing = { entries: 0, bytes: 0 };

/**
 * A recorder that keeps what is recorded, for tests. It makes of an entry what a real one sends, and
 * judges it as the server does. Unlike a real one it throws, if the program has made a mistake: that
 * shows in a test, not in production.
 */
export class TestRecorder implements Recorder {
  readonly #entries: TestEntry[] = [];
  readonly #mistakes: RecordingMistake[] = [];
  readonly #emitter = new Emitter<RecorderEvents>();
  readonly #redaction: Redaction;
  readonly #prefixes: PrefixRegistry;
  readonly #throws: boolean;
  #tally = new Tally();
  #sequence = 0;
  #closed = false;

  constructor({ prefixes, mistakes = "throw", redact }: TestRecorderOptions = {}) {
    this.#redaction = compileRedaction(redact);
    this.#prefixes = createPrefixRegistry(prefixes);
    this.#throws = mistakes === "throw";
  }

  /** All entries since the start or the last `clear`, in order. A copy. */
  get entries(): readonly TestEntry[] {
    return [...this.#entries];
  }

  /** What was wrong since then. A copy. */
  get mistakes(): readonly RecordingMistake[] {
    return [...this.#mistakes];
  }

  /** Forgets entries, mistakes and counts. Listeners stay. */
  clear(): void {
    this.#entries.length = 0;
    this.#mistakes.length = 0;
    this.#tally = new Tally();
    this.#sequence = 0;
  }

  /** @throws RecordingMistake for the first mistake, unless they are only to be collected. */
  throwMistake(): void {
    const [first] = this.#mistakes;
    if (this.#throws && first !== undefined) throw first;
  }

  record(entry: NewEntry): void {
    const taken = this.#take(entry);
    if (taken instanceof NotRecordedError) this.#complain(taken.message);
    else for (const message of taken.amendments) this.#complain(message);
  }

  /** What it answers is as from a server, but for digests, which are zeros. */
  async recordAndWait(entry: NewEntry): Promise<EntryJson> {
    const taken = this.#take(entry);
    if (taken instanceof NotRecordedError) {
      this.#complain(taken.message);
      throw taken;
    }
    for (const message of taken.amendments) this.#complain(message);
    const zeros = Buffer.alloc(32).toString("base64");
    const { metadata, context, actor, resource } = taken.entry;
    const hasDetails = metadata ?? context ?? actor?.name ?? resource?.name;
    return {
      teamId: "team-00000000-0000-0000-0000-000000000000",
      actor: { type: "service", id: "test" },
      ...taken.entry,
      sequence: taken.sequence,
      recorder: { type: "service", id: "test" },
      recordTime: new Date().toISOString(),
      detailsState: hasDetails === undefined ? "none" : "present",
      detailsSalt: zeros,
      detailsDigest: zeros,
      leafHash: zeros,
    };
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  get stats(): RecorderStats {
    return { ...this.#tally.copy(), waiting: { ...nothing }, onDisk: { ...nothing } };
  }

  on<Name extends keyof RecorderEvents>(
    event: Name,
    listener: (event: RecorderEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  /** @inheritdoc */
  [tellAmended](amendment: RecorderEvents["amended"]): void {
    this.#emitter.emit("amended", amendment);
    this.#complain(amendment.message);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(
    given: NewEntry,
  ): { entry: TestEntry; sequence: number; amendments: readonly string[] } | NotRecordedError {
    this.#tally.taken += 1;
    if (this.#closed) {
      this.#tally.dropped.closed += 1;
      this.#emitter.emit("dropped", { reason: "closed", entries: 1 });
      return new NotRecordedError("dropped", "closed", "the recorder is closed");
    }
    const amendments: string[] = [];
    let message: ReturnType<typeof decode>;
    let unknown: readonly string[];
    try {
      const amend = (what: string) => amendments.push(what);
      const encoded = encodeEntry(given, surroundings(), this.#redaction, amend);
      message = decode(bytesOf(encoded));
      unknown = unknownFields(given);
    } catch (error) {
      const known = { id: "", teamId: "", action: "", resourceType: "" };
      return this.#refuse(known, "UNENCODABLE", String(error));
    }
    const { id, teamId, action, resource } = message;
    for (const what of amendments) this.#emitter.emit("amended", { action, message: what });
    const mistakes = entryMistakes(message, this.#prefixes);
    if (mistakes.length > 0) {
      const known = { id, teamId, action, resourceType: resource?.type ?? "" };
      return this.#refuse(known, "INVALID_FIELD", mistakes.join("; "));
    }
    const defaults = { scope: "team", status: "success" } as const;
    const entry: TestEntry = {
      ...defaults,
      ...(entryToJson(message) as Omit<TestEntry, "scope" | "status">),
    };
    this.#entries.push(entry);
    this.#tally.recorded += 1;
    this.#sequence += 1;
    return { entry, sequence: this.#sequence, amendments: [...amendments, ...unknown] };
  }

  #refuse(entry: RefusedEntry, reason: string, message: string): NotRecordedError {
    this.#tally.refuse(reason);
    this.#emitter.emit("refused", { entry, reason, message });
    const what = `${entry.resourceType || "an entry"} ${entry.action}`.trim();
    return new NotRecordedError("refused", reason, `${what} would be refused: ${message}`);
  }

  #complain(message: string): void {
    const mistake = new RecordingMistake(message);
    this.#mistakes.push(mistake);
    if (this.#throws) throw mistake;
  }
}

/** Creates a recorder for tests. @throws Error for wrong prefixes. */
export function createTestRecorder(options: TestRecorderOptions = {}): TestRecorder {
  return new TestRecorder(options);
}

function decode(bytes: Uint8Array) {
  return fromBinary(AuditEntrySchema, bytes);
}
