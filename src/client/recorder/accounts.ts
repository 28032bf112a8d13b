import { fromBinary } from "@bufbuild/protobuf";
import { AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import type { Surroundings } from "../context/surroundings.ts";
import type { Redaction } from "../metadata/redaction.ts";
import { Emitter } from "./emitter.ts";
import { bytesOf, type EncodedEntry, encodeEntry } from "./encode-entry.ts";
import { Holes } from "./holes.ts";
import type { Pending } from "./lanes.ts";
import { NotRecordedError } from "./recorder.ts";
import type { DropReason, RecorderEvents } from "./stats.ts";
import { dropReasons, Tally } from "./tally.ts";
import { Waiters } from "./waiters.ts";
import { Warnings } from "./warnings.ts";

/** What the recorder says of itself happens in no request. */
const nowhere: Surroundings = { actor: undefined, teamId: undefined, context: undefined };

/** What becomes of entries: counted, told to who listens or waits, and of those lost to the log. */
export class Accounts {
  readonly tally = new Tally();
  readonly waiters = new Waiters();
  readonly #redaction: Redaction;
  readonly #emitter = new Emitter<RecorderEvents>();
  readonly #warnings = new Warnings();
  readonly #holes = new Holes();
  /** How many dropped entries have been told of, by reason. */
  readonly #told = { ...this.tally.dropped };
  #isTelling = false;

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  /** See {@link Emitter.on}. */
  on<Name extends keyof RecorderEvents>(
    name: Name,
    listener: (event: RecorderEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Tells of an event who listens; a process warning if nobody does. */
  tell<Name extends keyof RecorderEvents>(name: Name, event: RecorderEvents[Name]): void {
    if (!this.#emitter.emit(name, event)) this.#warnings.warn(name, event);
  }

  /** The server refused an entry. */
  refuse(pending: Pending, reason: string, message: string): void {
    this.tally.refuse(reason);
    const { action, resource } = fromBinary(AuditEntrySchema, bytesOf(pending));
    const { id, teamId } = pending;
    const entry = { id, teamId, action, resourceType: resource?.type ?? "" };
    this.tell("refused", { entry, reason, message });
    this.waiters.failed(id, new NotRecordedError("refused", reason, message));
  }

  /** An entry could not be encoded. Answers what who waits for it is told. */
  refuseUnencodable(action: string, error: unknown): NotRecordedError {
    const reason = "UNENCODABLE";
    const message = error instanceof Error ? error.message : String(error);
    this.tally.refuse(reason);
    this.tell("refused", {
      entry: { id: "", teamId: "", resourceType: "", action },
      reason,
      message,
    });
    return new NotRecordedError("refused", reason, message);
  }

  /** An entry came too late. Answers what who waits for it is told. */
  dropClosed(): NotRecordedError {
    this.tally.dropped.closed += 1;
    this.tellDropped();
    return new NotRecordedError("dropped", "closed", "the recorder is closed");
  }

  /** An entry is lost. */
  drop({ id, teamId }: Pick<EncodedEntry, "id" | "teamId">, reason: DropReason): void {
    this.tally.dropped[reason] += 1;
    this.#holes.add(teamId, reason);
    // Told of together: under overflow, one event for each would be what takes the time.
    if (!this.#isTelling) {
      this.#isTelling = true;
      queueMicrotask(() => this.tellDropped());
    }
    if (!this.waiters.has(id)) return;
    this.waiters.failed(id, new NotRecordedError("dropped", reason, `dropped: ${reason}`));
  }

  /** So many entries on disk cannot be read back. */
  dropDamaged(entries: number): void {
    this.tally.dropped.damaged += entries;
    this.#holes.add("", "damaged", entries);
    this.tellDropped();
  }

  /** Tells of what was dropped and has not been told of. */
  tellDropped(): void {
    this.#isTelling = false;
    for (const reason of dropReasons) {
      const entries = this.tally.dropped[reason] - this.#told[reason];
      this.#told[reason] = this.tally.dropped[reason];
      if (entries > 0) this.tell("dropped", { reason, entries });
    }
  }

  /** Whether there is something lost of which the log does not know. */
  get hasHoles(): boolean {
    return !this.#holes.empty;
  }

  /** The entries that tell the log of what is lost; they count as told. */
  takeHoles(): EncodedEntry[] {
    return this.#holes
      .take()
      .map((hole) => encodeEntry(hole, nowhere, this.#redaction, () => undefined));
  }
}
