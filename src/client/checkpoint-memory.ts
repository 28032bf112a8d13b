import type { CheckpointMemory } from "./verify/memory.ts";

/** Remembers for as long as it lives itself. */
export function volatileMemory(): CheckpointMemory {
  const notes = new Map<string, string>();
  return memoryOf(
    (origin) => notes.get(origin),
    (origin, note) => notes.set(origin, note),
  );
}

/**
 * Remembers in a browser's local storage, for all pages of one web origin. Fails with what the
 * browser throws if it refuses storage, or that is full.
 */
export function localStorageMemory(
  storage: Pick<Storage, "getItem" | "setItem"> = localStorage,
): CheckpointMemory {
  return memoryOf(
    (origin) => storage.getItem(keyOf(origin)) ?? undefined,
    (origin, note) => storage.setItem(keyOf(origin), note),
  );
}

/**
 * Forgets a log that {@link localStorageMemory} remembers: the next checkpoint is believed as the first one was.
 * Only for a person who has it from the operators that the log was set back.
 */
export function forgetCheckpoint(storage: Pick<Storage, "removeItem">, origin: string): void {
  storage.removeItem(keyOf(origin));
}

function keyOf(origin: string): string {
  return `annals/checkpoint/${origin}`;
}

function memoryOf(
  read: (origin: string) => string | undefined,
  write: (origin: string, note: string) => unknown,
): CheckpointMemory {
  return {
    get: async (origin) => read(origin),
    // Nothing else of this page runs in between. Another page in a process of its own may, if it
    // writes at the same instant; then one of two notes stays that both follow what was before.
    replace: async (origin, expected, note) => {
      if (read(origin) !== expected) return false;
      write(origin, note);
      return true;
    },
  };
}
