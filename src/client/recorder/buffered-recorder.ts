import { fromBinary } from "@bufbuild/protobuf";
import { AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { type BackoffOptions, longestTimerMs, pause } from "../backoff.ts";
import type { AuditClient } from "../client.ts";
import { type Surroundings, surroundings } from "../context/surroundings.ts";
import { type EntryJson, entryToJson } from "../entry-json.ts";
import { tellAmended } from "../events/amended.ts";
import type { Redaction } from "../metadata/redaction.ts";
import type { NewEntry } from "../new-entry.ts";
import { atExit } from "./at-exit.ts";
import { Delivery } from "./delivery.ts";
import { Emitter } from "./emitter.ts";
import { type EncodedEntry, encodeEntry } from "./encode-entry.ts";
import { Epochs } from "./epochs.ts";
import { Holes } from "./holes.ts";
import { Lanes, type Pending } from "./lanes.ts";
import { Overflow, type Room } from "./overflow.ts";
import { NotRecordedError, type Recorder, type WaitOptions } from "./recorder.ts";
import { openSpill } from "./spill/open-spill.ts";
import type { Spill, SpillPlace } from "./spill/spill.ts";
import type { DropReason, RecorderEvents, RecorderStats } from "./stats.ts";
import { Tally } from "./tally.ts";
import { Waiters } from "./waiters.ts";
import { Warnings } from "./warnings.ts";

/** How much to keep, and where. */
export interface BufferOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly spillDirectory: string | undefined;
  readonly spillMaxBytes: number;
  readonly backoff: BackoffOptions;
  readonly timeoutMs: number;
  /** Whether the client speaks protobuf binary. */
  readonly binary: boolean;
  /** What never leaves the process. */
  readonly redaction: Redaction;
}

/** Entries that leave memory at the end, by their place on disk. */
type Departing = Map<SpillPlace | undefined, Pending[]>;

/** What the recorder says of itself happens in no request. */
const nowhere: Surroundings = { actor: undefined, teamId: undefined, context: undefined };

/** How long `close` waits for the disk. */
const diskMs = 5_000;
/** As much of its queue as the server gives one team. */
const heldShare = 1 / 4;

/** How long the end of a process that has nothing else to do is put off for what waits. */
const finishMs = 2_000;

/** A recorder over a client: memory first, then disk, then nothing. Closes the client with itself. */
export class BufferedRecorder implements Recorder {
  readonly #client: Pick<AuditClient, "audit" | "close">;
  readonly #options: BufferOptions;
  readonly #lanes = new Lanes();
  readonly #delivery: Delivery;
  readonly #emitter = new Emitter<RecorderEvents>();
  readonly #warnings = new Warnings();
  readonly #waiters = new Waiters();
  readonly #holes = new Holes();
  readonly #epochs = new Epochs();
  readonly #tally = new Tally();
  readonly #forgetExit: () => void;
  readonly #flushes = new Set<() => void>();
  /** What is in memory and not settled, wherever it is on its way. */
  readonly #held = { entries: 0, bytes: 0 };
  readonly #spill: Spill | undefined;
  readonly #overflow: Overflow | undefined;
  /** What `close` is just writing to disk. */
  #departing: Departing = new Map();
  #isOpened = false;
  #reachable = true;
  /** Dropped and not yet told of, by reason. */
  readonly #untold = new Map<DropReason, number>();
  #isHanging = false;
  #finishing = false;
  #closing: Promise<void> | undefined;

  constructor(client: Pick<AuditClient, "audit" | "close">, options: BufferOptions) {
    this.#client = client;
    this.#options = options;
    const { binary, backoff, timeoutMs, spillDirectory } = options;
    this.#delivery = new Delivery(this.#lanes, {
      audit: client.audit,
      binary,
      backoff,
      timeoutMs,
      wanted: (id) => this.#waiters.has(id),
      listener: {
        recorded: (pending, entry) => {
          this.#tally.recorded += 1;
          this.#settle(pending);
          if (entry !== undefined) this.#waiters.recorded(pending.id, () => entryToJson(entry));
        },
        refused: (pending, reason, message) => {
          this.#settle(pending);
          this.#refuse(pending, reason, message);
        },
        answered: () => this.#answered(),
        unreachable: (event) => {
          this.#tally.retries += 1;
          this.#reachable = false;
          this.#tell("unreachable", event);
        },
      },
    });
    if (spillDirectory === undefined) {
      this.#isOpened = true;
    } else {
      this.#spill = this.#open(spillDirectory);
      this.#overflow = new Overflow({
        spill: this.#spill,
        onError: (error) => this.#tell("spill_failed", { error }),
        room: () => this.#room(),
        send: (entries) => this.#send(entries),
        onSpilled: (entries) => {
          this.#tally.spilled += entries.length;
          for (const entry of entries) this.#release(entry);
        },
        onAdopted: (entries) => {
          this.#tally.taken += entries;
        },
      });
    }
    this.#forgetExit = atExit({
      finish: () => this.#finish(),
      abandon: () => this.#abandon(),
    });
  }

  record(entry: NewEntry): void {
    const encoded = this.#encode(entry);
    if (!(encoded instanceof NotRecordedError)) this.#take(encoded);
  }

  recordAndWait(entry: NewEntry, options: WaitOptions = {}): Promise<EntryJson> {
    const encoded = this.#encode(entry);
    if (encoded instanceof NotRecordedError) return Promise.reject(encoded);
    const answer = this.#waiters.wait(encoded.id, options);
    // Whoever does not wait after all has the events, and must not be ended by an unhandled rejection.
    answer.catch(() => undefined);
    this.#take(encoded);
    return answer;
  }

  async flush({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    const epoch = this.#epochs.advance();
    const done = () =>
      !this.#epochs.has(epoch) && this.#isOpened && (this.#spill?.waiting.entries ?? 0) === 0;
    if (done()) return true;
    return new Promise((resolve) => {
      const end = (answer: boolean) => {
        clearTimeout(timer);
        this.#flushes.delete(check);
        resolve(answer);
      };
      const check = () => {
        if (done()) end(true);
      };
      const timer = setTimeout(() => end(done()), Math.min(timeoutMs, longestTimerMs));
      this.#flushes.add(check);
    });
  }

  close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  get stats(): RecorderStats {
    const onDisk = this.#spill?.waiting ?? { entries: 0, bytes: 0 };
    return { ...this.#tally.copy(), waiting: { ...this.#held }, onDisk: { ...onDisk } };
  }

  on<Name extends keyof RecorderEvents>(
    event: Name,
    listener: (event: RecorderEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(event, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [tellAmended](amendment: RecorderEvents["amended"]): void {
    this.#tell("amended", amendment);
  }

  /** The entry encoded; an error, which has been told of, if it can be neither sent nor kept. */
  #encode(entry: NewEntry): EncodedEntry | NotRecordedError {
    this.#tally.taken += 1;
    if (this.#closing !== undefined) {
      this.#tally.dropped.closed += 1;
      this.#tell("dropped", { reason: "closed", entries: 1 });
      return new NotRecordedError("dropped", "closed", "the recorder is closed");
    }
    try {
      return encodeEntry(entry, surroundings(), this.#options.redaction, (message) => {
        this.#tell("amended", { action: actionOf(entry), message });
      });
    } catch (error) {
      const reason = "UNENCODABLE";
      const message = error instanceof Error ? error.message : String(error);
      this.#tally.refuse(reason);
      const known = { id: "", teamId: "", resourceType: "", action: actionOf(entry) };
      this.#tell("refused", { entry: known, reason, message });
      return new NotRecordedError("refused", reason, message);
    }
  }

  /** Keeps an entry until it is settled, or drops it for want of room. */
  #take(encoded: EncodedEntry): void {
    const { maxEntries, maxBytes } = this.#options;
    const { entries, bytes } = this.#held;
    const isFull = entries + 1 > maxEntries || bytes + encoded.bytes.length > maxBytes;
    if (isFull || this.#hasItsShare(encoded.teamId)) this.#drop(encoded, "overflow");
    else this.#keep(encoded);
  }

  /** Whether a team that the server cannot take now has as much of memory as it may without a disk. */
  #hasItsShare(teamId: string): boolean {
    if (this.#overflow !== undefined) return false;
    return this.#lanes.heldOf(teamId) >= this.#options.maxEntries * heldShare;
  }

  #keep(encoded: EncodedEntry): void {
    const pending = { ...encoded, epoch: this.#epochs.current, failures: 0 };
    this.#epochs.taken();
    this.#held.entries += 1;
    this.#held.bytes += encoded.bytes.length;
    if (this.#overflow !== undefined && (this.#overflow.active || !this.#hasRoom())) {
      this.#overflow.push(pending);
    } else {
      this.#lanes.push({ ...pending, place: this.#spill?.place() });
      this.#delivery.wake();
    }
  }

  /** Entries that came by way of the overflow can be sent. */
  #send(entries: readonly Pending[]): void {
    for (const entry of entries) {
      if (entry.spilled !== undefined) {
        this.#held.entries += 1;
        this.#held.bytes += entry.bytes.length;
      }
      this.#lanes.push(entry);
    }
    this.#delivery.wake();
  }

  /** What is left of the half of memory for what can be sent; the other is for what is on its way to disk. */
  #room(): Room {
    const { maxEntries, maxBytes } = this.#options;
    const waiting = this.#overflow?.waiting ?? { entries: 0, bytes: 0 };
    return {
      entries: Math.ceil(maxEntries / 2) - (this.#held.entries - waiting.entries),
      bytes: Math.ceil(maxBytes / 2) - (this.#held.bytes - waiting.bytes),
    };
  }

  #hasRoom(): boolean {
    const { entries, bytes } = this.#room();
    return entries > 0 && bytes > 0;
  }

  /** The entry is recorded or refused. */
  #settle(pending: Pending): void {
    this.#release(pending);
    if (pending.spilled !== undefined) this.#spill?.settle(pending.spilled);
  }

  /** The entry is in memory no longer. */
  #release(pending: Pending): void {
    this.#held.entries -= 1;
    this.#held.bytes -= pending.bytes.length;
    this.#epochs.settled(pending.epoch);
  }

  #refuse(pending: Pending, reason: string, message: string): void {
    this.#tally.refuse(reason);
    const { action, resource } = fromBinary(AuditEntrySchema, pending.bytes);
    const { id, teamId } = pending;
    const entry = { id, teamId, action, resourceType: resource?.type ?? "" };
    this.#tell("refused", { entry, reason, message });
    this.#waiters.failed(id, new NotRecordedError("refused", reason, message));
  }

  #drop({ id, teamId }: Pick<EncodedEntry, "id" | "teamId">, reason: DropReason): void {
    this.#tally.dropped[reason] += 1;
    this.#holes.add(teamId, reason);
    // Told of together: under overflow, one event for each would be what takes the time.
    if (this.#untold.size === 0) queueMicrotask(() => this.#tellDropped());
    this.#untold.set(reason, (this.#untold.get(reason) ?? 0) + 1);
    if (!this.#waiters.has(id)) return;
    this.#waiters.failed(id, new NotRecordedError("dropped", reason, `dropped: ${reason}`));
  }

  #tellDropped(): void {
    const untold = [...this.#untold];
    this.#untold.clear();
    for (const [reason, entries] of untold) this.#tell("dropped", { reason, entries });
  }

  #answered(): void {
    if (!this.#reachable) this.#tell("reachable", {});
    this.#reachable = true;
    if (!this.#holes.empty && this.#hasRoom()) {
      // Beyond the limit of memory, if need be: they are few, and what they tell is not to be lost.
      for (const hole of this.#encodedHoles()) {
        this.#tally.taken += 1;
        this.#keep(hole);
      }
    }
    this.#overflow?.wake();
    this.#checkFlushes();
  }

  #checkFlushes(): void {
    for (const check of [...this.#flushes]) check();
  }

  #encodedHoles(): EncodedEntry[] {
    return this.#holes
      .take()
      .map((hole) => encodeEntry(hole, nowhere, this.#options.redaction, () => undefined));
  }

  #tell<Name extends keyof RecorderEvents>(name: Name, event: RecorderEvents[Name]): void {
    if (!this.#emitter.emit(name, event)) this.#warnings.warn(name, event);
  }

  #open(directory: string): Spill {
    const spill = openSpill({
      directory,
      maxBytes: this.#options.spillMaxBytes,
      onError: (error) => this.#tell("spill_failed", { error }),
      onReadable: () => this.#overflow?.readAgain(),
      onDamaged: (entries) => {
        this.#tally.dropped.damaged += entries;
        this.#holes.add("", "damaged", entries);
        this.#tell("dropped", { reason: "damaged", entries });
        this.#checkFlushes();
      },
    });
    void spill.opened.then(() => {
      this.#isOpened = true;
      this.#checkFlushes();
    });
    return spill;
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.flush({ timeoutMs });
    await this.#delivery.stop();
    const waited = new AbortController();
    const left = this.#leaveOnDisk().then(() => true);
    const late = pause(diskMs, waited.signal).then(() => false);
    this.#isHanging = !(await Promise.race([left, late]));
    waited.abort();
    this.#client.close();
  }

  /** Writes what is only in memory to disk, as far as there is one. */
  async #leaveOnDisk(): Promise<void> {
    const waiting = await this.#overflow?.stop();
    const left = [...this.#lanes.clear(), ...(waiting ?? [])];
    for (const pending of left) this.#release(pending);
    this.#departing = this.#leaving(left);
    for (const [place, entries] of this.#departing) {
      const bytes = entries.map((entry) => entry.bytes);
      const written = (await this.#spill?.append(bytes, place)) ?? 0;
      this.#departing.delete(place);
      this.#leave(entries, written);
    }
    // What is lost now, the next process tells the log, if the disk takes that at least.
    const holes = this.#encodedHoles().map(({ bytes }) => bytes);
    this.#left((await this.#spill?.append(holes)) ?? 0);
    await this.#spill?.close();
    this.#forgetExit();
  }

  /** Nothing else keeps the process running. Once: what could not be sent by then is for `#abandon`. */
  async #finish(): Promise<void> {
    if (this.#finishing || this.#held.entries === 0) return;
    this.#finishing = true;
    await this.flush({ timeoutMs: finishMs });
  }

  #abandon(): void {
    // A disk that did not answer in time would now hold up the end of the process.
    const spill = this.#isHanging ? undefined : this.#spill;
    const { inFlight } = this.#delivery;
    const unwritten = this.#overflow?.unwritten ?? [];
    const rest = this.#leaving([...inFlight, ...this.#lanes.clear(), ...unwritten]);
    for (const [place, entries] of [...this.#departing, ...rest]) {
      const bytes = entries.map((entry) => entry.bytes);
      this.#leave(entries, spill?.appendSync(bytes, place) ?? 0);
    }
    const holes = this.#encodedHoles().map(({ bytes }) => bytes);
    this.#left(spill?.appendSync(holes) ?? 0);
  }

  /** What is only in memory at the end, by its place on disk. What came from there is there still. */
  #leaving(pending: readonly Pending[]): Departing {
    const rest = pending.filter(({ spilled }) => spilled === undefined);
    return Map.groupBy(rest, ({ place }) => place);
  }

  /** At the end, so many of the entries are on disk; the others are lost. */
  #leave(entries: readonly EncodedEntry[], written: number): void {
    this.#tally.spilled += written;
    for (const entry of entries.slice(written)) this.#drop(entry, "exit");
  }

  /** Everything has been left, and so many entries that tell of holes with it. */
  #left(holes: number): void {
    this.#tally.taken += holes;
    this.#tally.spilled += holes;
    this.#tellDropped();
    const why = "left on disk: it is recorded when the directory is opened again";
    this.#waiters.failAll(new NotRecordedError("unknown", "exit", why));
  }
}

/** For messages about an entry that may be anything. */
function actionOf(entry: NewEntry): string {
  try {
    return typeof entry.action === "string" ? entry.action : "";
  } catch {
    return "";
  }
}
