/** The menu of a value: the page has one, for all of them. */
import { Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCopy, IconFilter, IconFilterOff } from "@tabler/icons-react";
import { useEffect, useState } from "react";
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
  const leaveOut = ({ field, value }: ValueChoice) =>
    setTerms(addTerm(terms, { field, values: [value], isExcluded: true }));
  useEffect(() =>
    onValueChoice((chosen) => {
      if (chosen.leaveOut) {
        leaveOut(chosen);
        return;
      }
      setChoice(chosen);
      setOpen(true);
    }),
  );
  if (choice === undefined) return null;
  const { field, value, element } = choice;
  const { left, top, width, height } = element.getBoundingClientRect();
  return (
    <Menu
      opened={isOpen}
      onChange={setOpen}
      onExitTransitionEnd={() => setChoice(undefined)}
      onClose={() => element.focus({ preventScroll: true })}
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
          data-autofocus
          leftSection={<IconFilter size={16} aria-hidden />}
          onClick={() => setTerms(onlyTerm(terms, field, value))}
        >
          Only this
        </Menu.Item>
        <Menu.Item
          leftSection={<IconFilterOff size={16} aria-hidden />}
          onClick={() => leaveOut(choice)}
        >
          Leave out
        </Menu.Item>
        <Menu.Item leftSection={<IconCopy size={16} aria-hidden />} onClick={() => copy(value)}>
          Copy
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notifications.show({ message: "Copied" });
  } catch {
    // Browsers give no clipboard to pages that came over plain HTTP.
    notifications.show({ message: "The browser does not let this page copy", color: "red" });
  }
}
