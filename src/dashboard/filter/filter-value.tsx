/** Values that one can click to filter by. */
import type { KeyboardEvent, MouseEvent, ReactNode } from "react";
import classes from "./filter-value.module.css";
import type { ListField } from "./query-fields.ts";
import { chooseValue } from "./value-choices.ts";

/** What can be clicked, and what it stands for. */
interface FilterValueProps {
  readonly field: ListField;
  readonly value: string;
  /**
   * Whether Tab comes to it. Not in a table: a row's values are reached by {@link focusValues} and
   * then by the arrow keys.
   */
  readonly isTabStop?: boolean;
  readonly children: ReactNode;
}

const selector = "[data-filter-field]";

/**
 * A value that opens the page's menu to filter by it or to leave it out; clicked with Alt it is left
 * out at once. Cheap: a table renders thousands.
 */
export function FilterValue({ field, value, isTabStop = false, children }: FilterValueProps) {
  return (
    <button
      type="button"
      className={classes.value}
      tabIndex={isTabStop ? 0 : -1}
      aria-haspopup="menu"
      data-filter-field={field}
      data-filter-value={value}
      onClick={choose}
      onKeyDown={move}
    >
      {children}
    </button>
  );
}

/** Puts the focus on the first value in an element, such as a row. False if there is none. */
export function focusValues(within: Element): boolean {
  const first = within.querySelector<HTMLElement>(selector);
  first?.focus();
  return first !== null;
}

function choose(event: MouseEvent<HTMLButtonElement>): void {
  // The row below it has a click of its own.
  event.stopPropagation();
  const element = event.currentTarget;
  const { filterField, filterValue } = element.dataset;
  if (filterField === undefined || filterValue === undefined) return;
  chooseValue({
    field: filterField as ListField,
    value: filterValue,
    leaveOut: event.altKey,
    element,
  });
}

/** Arrow keys go to the row's other values, Escape back to what holds the row. */
function move(event: KeyboardEvent<HTMLButtonElement>): void {
  const element = event.currentTarget;
  const isTabStop = element.tabIndex === 0;
  // Enter and space are the button's, not the row's.
  if (event.key === "Enter" || event.key === " ") event.stopPropagation();
  if (isTabStop) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step !== undefined) {
    const values = [...(element.closest("tr")?.querySelectorAll<HTMLElement>(selector) ?? [])];
    values[values.indexOf(element) + step]?.focus();
  } else if (event.key === "Escape") {
    element.parentElement?.closest<HTMLElement>("[tabindex]")?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}
