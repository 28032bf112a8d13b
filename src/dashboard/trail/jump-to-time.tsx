/** Opening the trail in its middle. */
import { Button, CloseButton, Group, Popover, TextInput } from "@mantine/core";
import { IconClock } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { absoluteTime, zoneName } from "../time/format.ts";
import { parseTimeInput, timeInputValue } from "../time/time-input.ts";
import { useZone } from "../time/zone.tsx";
import { useView } from "../view/view.ts";
import classes from "./jump-to-time.module.css";

/** Asks for a time; once there, says so and leads back to the newest. */
export function JumpToTime() {
  const [{ at }, go] = useView();
  const [zone] = useZone();
  const [isOpen, setOpen] = useState(false);
  const [value, setValue] = useState("");
  const [isWrong, setWrong] = useState(false);
  const toggle = () => {
    setValue(timeInputValue(at ?? Date.now(), zone));
    setWrong(false);
    setOpen(!isOpen);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const time = parseTimeInput(value, zone);
    if (time === undefined) {
      setWrong(true);
      return;
    }
    setOpen(false);
    go({ at: time });
  };
  return (
    <span className={classes.place}>
      <Popover opened={isOpen} onChange={setOpen} position="bottom-start" trapFocus shadow="md">
        <Popover.Target>
          <Button
            size="compact-sm"
            variant={at === undefined ? "subtle" : "light"}
            color={at === undefined ? "gray" : "indigo"}
            leftSection={<IconClock size={16} aria-hidden />}
            aria-label={at === undefined ? "Jump to time" : undefined}
            onClick={toggle}
          >
            {at === undefined ? (
              <>
                <span className={classes.whole}>Jump to time</span>
                <span className={classes.brief}>Jump</span>
              </>
            ) : (
              absoluteTime(at, zone).slice(0, 19)
            )}
          </Button>
        </Popover.Target>
        <Popover.Dropdown>
          <form onSubmit={submit}>
            <Group align="end" gap="xs">
              <TextInput
                type="datetime-local"
                step={1}
                label={`Time (${zoneName(zone)})`}
                value={value}
                error={isWrong && "No such time"}
                onChange={({ currentTarget }) => setValue(currentTarget.value)}
              />
              <Button type="submit">Go</Button>
            </Group>
          </form>
        </Popover.Dropdown>
      </Popover>
      {at !== undefined && (
        <CloseButton
          size="sm"
          aria-label="Back to the newest"
          onClick={() => go({ at: undefined })}
        />
      )}
    </span>
  );
}
