/** The menu of a value: the page has one, for all of them. */
import { Menu } from "@mantine/core";
import { IconFilter, IconFilterOff } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { CopyItem } from "../text/copy-item.tsx";
import { Plain } from "../text/plain.tsx";
import classes from "./filter-menu.module.css";
import { queryFields } from "./query-fields.ts";
import { addTerm, onlyTerm } from "./term.ts";
import { useTerms } from "./use-terms.ts";
import { onValueChoice, type ValueChoice } from "./value-choices.ts";

/** Waits for a value to be clicked, and asks what to do with it. */
export function FilterMenu() {
  const [terms, setTerms] = useTerms();
  const [choice, setChoice] = useState<ValueChoice>();
  const [isOpen, setOpen] = useState(false);
  // Each choice is given a menu of its own, though the last one may still be fading.
  const [opening, setOpening] = useState(0);
  const home = useRef<HTMLElement>(null);
  const leaveOut = ({ field, value }: ValueChoice) =>
    setTerms(addTerm(terms, { field, values: [value], isExcluded: true }));
  useEffect(() =>
    onValueChoice((chosen) => {
      if (chosen.leaveOut) {
        leaveOut(chosen);
        return;
      }
      home.current = null;
      setChoice(chosen);
      setOpening((before) => before + 1);
      setOpen(true);
    }),
  );
  if (choice === undefined) return null;
  const { field, value, element } = choice;
  const narrow = (act: () => void) => () => {
    act();
    // The row of the value may be gone then; its table is not.
    home.current = element.closest<HTMLElement>("[role=grid]");
  };
  const { left, top, width, height } = element.getBoundingClientRect();
  return (
    <Menu
      key={opening}
      opened={isOpen}
      onChange={setOpen}
      onExitTransitionEnd={() => setChoice(undefined)}
      onClose={() => (home.current ?? element).focus({ preventScroll: true })}
      returnFocus={false}
      // It would be a child that a menu may not have; the first item takes the focus itself.
      withInitialFocusPlaceholder={false}
      position="bottom-start"
      shadow="md"
      withinPortal
    >
      <Menu.Target>
        <button
          type="button"
          tabIndex={-1}
          aria-hidden
          className={classes.anchor}
          style={{ left, top, width, height }}
        />
      </Menu.Target>
      <Menu.Dropdown aria-label={`${queryFields[field].label}: what to do with it`}>
        <Menu.Label className={classes.label ?? ""}>
          {queryFields[field].label} <Plain text={value} />
        </Menu.Label>
        <Menu.Item
          ref={takeFocus}
          data-autofocus
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={narrow(() => setTerms(onlyTerm(terms, field, value)))}
        >
          Only this
        </Menu.Item>
        <Menu.Item
          leftSection={<IconFilterOff size={16} aria-hidden />}
          onClick={narrow(() => leaveOut(choice))}
        >
          Leave out
        </Menu.Item>
        <CopyItem key={value} text={value} label="Copy" />
      </Menu.Dropdown>
    </Menu>
  );
}

/**
 * Focuses what has just appeared. The library does so too, but a task later, and a key that was
 * pressed in between would be the value's: a second Enter right after the first did nothing.
 */
function takeFocus(item: HTMLElement | null): void {
  item?.focus({ preventScroll: true });
}
