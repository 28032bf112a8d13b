/**
 * Work for a key, of which one run at a time is enough for all who want it: those who come while it
 * runs share the run after it, which sees all that happened before they came.
 */
export class Coalesced<Key, Result> {
  readonly #work: (key: Key) => Promise<Result>;
  readonly #runs = new Map<Key, { readonly now: Promise<Result>; next?: Promise<Result> }>();

  constructor(work: (key: Key) => Promise<Result>) {
    this.#work = work;
  }

  /** The run that is on its way, which may have begun before what its caller knows. */
  running(key: Key): Promise<Result> | undefined {
    return this.#runs.get(key)?.now;
  }

  /** A run that begins after this call. */
  run(key: Key): Promise<Result> {
    const runs = this.#runs.get(key);
    if (runs === undefined) return this.#start(key);
    runs.next ??= settled(runs.now).then(() => this.#start(key));
    return runs.next;
  }

  #start(key: Key): Promise<Result> {
    const runs: { readonly now: Promise<Result>; next?: Promise<Result> } = {
      now: this.#work(key),
    };
    this.#runs.set(key, runs);
    void settled(runs.now).then(() => {
      if (runs.next === undefined) this.#runs.delete(key);
    });
    return runs.now;
  }
}

function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}
