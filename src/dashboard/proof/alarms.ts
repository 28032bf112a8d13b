/**
 * What this browser has found wrong with a log. It is kept until a person says that they have seen
 * it: a server that mends its story afterwards does not undo it.
 */
import type { Fault } from "../../client/verify/fault.ts";
import type { KeptText } from "./page-storage.ts";

/** Something is wrong with a team's log. */
export interface Alarm {
  readonly teamId: string;
  /**
   * `history`: two signed checkpoints contradict each other; `server`: the server itself says that
   * the log is not what was signed; `key`: it is signed by an unknown key; `signature`: it is not
   * rightly signed at all; `entries`: its entries are not those that were signed for.
   */
  readonly kind: "history" | "server" | "key" | "signature" | "entries";
  /** When it was found, in milliseconds since 1970. */
  readonly atMs: number;
  /** What the verifier, or the server, said. */
  readonly message: string;
  readonly fault?: Fault;
  /** Signed notes to keep: of a `history`, the remembered one first. */
  readonly notes: readonly string[];
}

/** Alarms by team; at most one each, the first that was not dismissed. */
export class AlarmBook {
  readonly #storage: KeptText;
  readonly #listeners = new Set<() => void>();
  readonly #alarms = new Map<string, Alarm | undefined>();

  constructor(storage: KeptText) {
    this.#storage = storage;
  }

  /** The alarm of a team. The same object until it changes. */
  get(teamId: string): Alarm | undefined {
    if (!this.#alarms.has(teamId)) this.#alarms.set(teamId, this.#read(teamId));
    return this.#alarms.get(teamId);
  }

  /** Raises an alarm. One about the log itself takes the place of one about its key. */
  raise(alarm: Alarm): void {
    // Another page may have been first.
    this.#alarms.delete(alarm.teamId);
    const raised = this.get(alarm.teamId);
    if (raised !== undefined && (raised.kind !== "key" || alarm.kind === "key")) return;
    this.#set(alarm.teamId, alarm);
  }

  /** Ends a team's alarm: a person has taken note of it, or the key is trusted by now. */
  dismiss(teamId: string): void {
    this.#set(teamId, undefined);
  }

  /** Another page of this browser has changed what is kept under a name; null: everything. */
  noticeChange(key: string | null): void {
    for (const teamId of [...this.#alarms.keys()]) {
      if (key === null || key === placeOf(teamId)) this.#alarms.delete(teamId);
    }
    this.#tell();
  }

  /** Calls back after each change; answers how to end that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #set(teamId: string, alarm: Alarm | undefined): void {
    this.#alarms.set(teamId, alarm);
    if (alarm === undefined) this.#storage.removeItem(placeOf(teamId));
    else this.#storage.setItem(placeOf(teamId), JSON.stringify(alarm));
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #read(teamId: string): Alarm | undefined {
    try {
      const alarm: Alarm | null = JSON.parse(this.#storage.getItem(placeOf(teamId)) ?? "null");
      return alarm?.teamId === teamId && Array.isArray(alarm.notes) ? alarm : undefined;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return undefined;
    }
  }
}

function placeOf(teamId: string): string {
  return `annals/alarm/${teamId}`;
}
