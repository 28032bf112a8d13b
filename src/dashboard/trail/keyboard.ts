/** What keys do on the trail. */
import { useEffect } from "react";

/** What a key can mean. */
export type KeyAction =
  | "next"
  | "previous"
  | "first"
  | "last"
  | "open"
  | "values"
  | "close"
  | "search"
  | "help"
  | "live";

/** The keys as the help shows them. */
export const keyHelp: readonly { keys: readonly string[]; action: KeyAction; what: string }[] = [
  { keys: ["j", "↓"], action: "next", what: "Next entry" },
  { keys: ["k", "↑"], action: "previous", what: "Previous entry" },
  { keys: ["Enter"], action: "open", what: "Open the entry" },
  { keys: ["→"], action: "values", what: "To the entry's values, to filter by them" },
  { keys: ["Esc"], action: "close", what: "Close what is open" },
  { keys: ["g", "Home"], action: "first", what: "To the newest" },
  { keys: ["G", "End"], action: "last", what: "To the oldest that is read" },
  { keys: ["l"], action: "live", what: "Follow live, or stop" },
  { keys: ["/"], action: "search", what: "Filter" },
  { keys: ["?"], action: "help", what: "These keys" },
];

const actions: Readonly<Record<string, KeyAction | undefined>> = {
  j: "next",
  ArrowDown: "next",
  k: "previous",
  ArrowUp: "previous",
  g: "first",
  Home: "first",
  G: "last",
  End: "last",
  Enter: "open",
  ArrowRight: "values",
  Escape: "close",
  "/": "search",
  "?": "help",
  l: "live",
};

/** Of a KeyboardEvent and where it happened. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  /** Something has dealt with it already. */
  readonly defaultPrevented: boolean;
  readonly isComposing: boolean;
  /** In a place to type in, or in something that holds the focus until it is closed. */
  readonly isTyping: boolean;
  /** On something that has uses of its own for Enter, the arrows, Home and End. */
  readonly isOnControl: boolean;
}

const controlKeys = /^(Enter|Arrow\w+|Home|End)$/;

/** What a key press means; undefined if nothing. */
export function keyAction(press: KeyPress): KeyAction | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey) return undefined;
  if (press.defaultPrevented || press.isComposing || press.isTyping) return undefined;
  if (press.isOnControl && controlKeys.test(press.key)) return undefined;
  return Object.hasOwn(actions, press.key) ? actions[press.key] : undefined;
}

const typingPlaces =
  "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=''], [contenteditable='true'], [aria-modal=true], [role=menu]";
const controls =
  "a, button, input, summary, aside, [role=menu], [role=listbox], [role=slider], [role=tablist], [role=tree], [role=dialog]";

/** Calls for key presses anywhere on the page, other than those that mean something where they are. */
export function useKeyboard(act: (action: KeyAction) => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : document.body;
      const { key, ctrlKey, metaKey, altKey, defaultPrevented, isComposing } = event;
      const action = keyAction({
        ...{ key, ctrlKey, metaKey, altKey, defaultPrevented, isComposing },
        isTyping: target.closest(typingPlaces) !== null,
        isOnControl: target.closest(controls) !== null,
      });
      if (action === undefined) return;
      // Escape is also for whatever else is open.
      if (action !== "close") event.preventDefault();
      act(action);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [act]);
}
