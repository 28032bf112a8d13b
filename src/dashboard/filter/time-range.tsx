/** The range of record time: a choice of usual ones, and one's own. */
import { Button, Popover, Stack, TextInput } from "@mantine/core";
import { IconClock } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";
import { absoluteTime, zoneName } from "../time/format.ts";
import { useZone, type Zone } from "../time/zone.tsx";
import classes from "./filter-bar.module.css";
import { formatQueryTime, parseQueryTime } from "./query-time.ts";
import { type Term, withTimes } from "./term.ts";
import { rangeWords } from "./term-text.ts";
import { useTerms } from "./use-terms.ts";

const presets: readonly { name: string; since?: string; until?: string }[] = [
  { name: "Last 15 minutes", since: "15min" },
  { name: "Last hour", since: "1h" },
  { name: "Last 24 hours", since: "24h" },
  { name: "Yesterday", since: "yesterday", until: "today" },
  { name: "Last 7 days", since: "7d" },
  { name: "Last 30 days", since: "30d" },
  { name: "All time" },
];

/** Shows the range, and opens the choice of others. */
export function TimeRangeButton() {
  const [terms, setTerms] = useTerms();
  const [zone] = useZone();
  const [isOpen, setOpen] = useState(false);
  const words = rangeWords(terms, Date.now(), zone) ?? "All time";
  const choose = (range: { since?: string | undefined; until?: string | undefined }) => {
    setOpen(false);
    setTerms(withTimes(terms, range));
  };
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Button
          variant="default"
          className={classes.rangeButton ?? ""}
          leftSection={<IconClock size={16} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
          aria-label={`Time range: ${words}`}
        >
          <span className={classes.rangeLabel}>{words}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Time range">
        <div className={classes.range}>
          <div className={classes.presets}>
            {presets.map(({ name, ...range }) => (
              <Button
                key={name}
                variant={name === words ? "light" : "subtle"}
                size="xs"
                justify="flex-start"
                aria-pressed={name === words}
                onClick={() => choose(range)}
              >
                {name}
              </Button>
            ))}
          </div>
          <OwnRange terms={terms} zone={zone} onChoose={choose} />
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

interface OwnRangeProps {
  readonly terms: readonly Term[];
  readonly zone: Zone;
  onChoose(range: { since?: string | undefined; until?: string | undefined }): void;
}

/** From and to, in the zone that times are shown in. */
function OwnRange({ terms, zone, onChoose }: OwnRangeProps) {
  const [from, setFrom] = useState(() => inputTime(terms, "since", zone));
  const [to, setTo] = useState(() => inputTime(terms, "until", zone));
  const fromMs = parseQueryTime(from, 0, zone);
  const toMs = parseQueryTime(to, 0, zone);
  const isEmpty = fromMs !== undefined && toMs !== undefined && toMs <= fromMs;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const bound = (ms?: number) => (ms === undefined ? undefined : formatQueryTime(ms, zone));
    if (!isEmpty) onChoose({ since: bound(fromMs), until: bound(toMs) });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <TextInput
          type="datetime-local"
          step={1}
          size="xs"
          label={`From (${zoneName(zone)})`}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          step={1}
          size="xs"
          label={`To (${zoneName(zone)})`}
          value={to}
          error={isEmpty && "It must be after the beginning"}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
        <Button type="submit" size="xs" disabled={fromMs === undefined && toMs === undefined}>
          Show this range
        </Button>
      </Stack>
    </form>
  );
}

/** A bound as the browser's input has it; "" if it is open. Example: `2026-11-20T14:30:00` */
function inputTime(terms: readonly Term[], field: "since" | "until", zone: Zone): string {
  const value = terms.find((term) => term.field === field && !term.isExcluded)?.values[0];
  const ms = value === undefined ? undefined : parseQueryTime(value, Date.now(), zone);
  return ms === undefined ? "" : absoluteTime(ms, zone).replace(" ", "T").slice(0, 19);
}
