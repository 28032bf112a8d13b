/** What the trail is narrowed by: the query line, its conditions one by one, and the range of time. */
import { useState } from "react";
import { flushSync } from "react-dom";
import { useView } from "../view/view.ts";
import classes from "./filter-bar.module.css";
import { FilterMenu } from "./filter-menu.tsx";
import { QueryInput, queryInputId } from "./query-input.tsx";
import type { PlacedTerm } from "./query-line.ts";
import type { SeenEntry } from "./seen-values.ts";
import { TermChips } from "./term-chips.tsx";
import { TimeRangeButton } from "./time-range.tsx";

/** The filter of the trail. `seenEntries` are those on the page, whose values are offered. */
export function FilterBar({ seenEntries }: { seenEntries: () => Iterable<SeenEntry> }) {
  const [{ query }] = useView();
  const [draft, setDraft] = useDraft(query);
  const edit = ({ start, end }: PlacedTerm) => {
    flushSync(() => setDraft(query));
    const input = document.getElementById(queryInputId);
    if (!(input instanceof HTMLInputElement)) return;
    input.focus();
    input.setSelectionRange(start, end);
  };
  return (
    <search className={classes.bar} aria-label="Filter">
      <div className={classes.line}>
        <QueryInput draft={draft} setDraft={setDraft} seenEntries={seenEntries} />
        <TimeRangeButton />
      </div>
      <TermChips onEdit={edit} />
      <FilterMenu />
    </search>
  );
}

/** What is being typed; what the address says whenever that changes. */
function useDraft(query: string): [string, (draft: string) => void] {
  const [draft, setDraft] = useState(query);
  const [last, setLast] = useState(query);
  if (last !== query) {
    setLast(query);
    setDraft(query);
  }
  return [draft, setDraft];
}
