/** Tells listeners of events, and survives whatever they do. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Calls the listener on every such event until the answered function is called. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Tells of an event. Answers whether anybody listened. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined || listeners.size === 0) return false;
    for (const listener of [...listeners] as ((event: Events[Name]) => void)[]) {
      try {
        const answer: unknown = listener(event);
        // An async listener's rejection would end the process.
        if (answer instanceof Promise) answer.catch((error: unknown) => warnOf(name, error));
      } catch (error) {
        warnOf(name, error);
      }
    }
    return true;
  }
}

/** What was thrown may be anything, even something that throws when it is looked at. */
export function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "what was thrown has no text";
  }
}

function warnOf(name: PropertyKey, error: unknown): void {
  process.emitWarning(`a listener of "${String(name)}" failed: ${textOf(error)}`, "AnnalsWarning");
}
