/** Values that were clicked, on their way to the one menu that the page has for them. */
import type { ListField } from "./query-fields.ts";

/** A value that somebody wants to do something with. */
export interface ValueChoice {
  readonly field: ListField;
  readonly value: string;
  /** Leave it out at once, without asking what to do. */
  readonly leaveOut: boolean;
  /** What was clicked: the menu opens there, and gives the focus back to it. */
  readonly element: HTMLElement;
}

type Listener = (choice: ValueChoice) => void;
const listeners = new Set<Listener>();

/** Tells the page's menu. */
export function chooseValue(choice: ValueChoice): void {
  for (const listener of listeners) listener(choice);
}

/** Is told of every choice until the answer is called. */
export function onValueChoice(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
