/** The query line itself: typed, completed, checked, applied. */
import { CloseButton, Combobox, TextInput, useCombobox } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { flushSync } from "react-dom";
import { Plain } from "../text/plain.tsx";
import { useZone } from "../time/zone.tsx";
import { useView, viewIn } from "../view/view.ts";
import { type Completions, completionsAt } from "./completion.ts";
import classes from "./filter-bar.module.css";
import { Mistakes } from "./mistakes.tsx";
import { entryIdIn, parseQuery, type QueryMistake, withFixedTimes } from "./query-line.ts";
import { type SeenEntry, seenValues } from "./seen-values.ts";
import { useFilter } from "./use-filter.ts";
import { useTerms } from "./use-terms.ts";

/** The id of the input, by which `/` finds it. */
export const queryInputId = "query-line";
const mistakesId = "query-mistakes";
const nothing: Completions = { start: 0, end: 0, options: [] };

interface QueryInputProps {
  /** What is typed, applied or not. */
  readonly draft: string;
  setDraft(draft: string): void;
  /** The entries on the page, whose values are offered. */
  seenEntries(): Iterable<SeenEntry>;
}

/** The line. Enter applies it; a line with mistakes is not applied. Escape takes back what was typed. */
export function QueryInput({ draft, setDraft, seenEntries }: QueryInputProps) {
  const [{ query }, go] = useView();
  const [, setTerms] = useTerms();
  const [zone] = useZone();
  const applied = useFilter();
  const [completions, setCompletions] = useState(nothing);
  const [isChecked, setChecked] = useState(false);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });

  const isApplied = draft === query;
  const mistakes = isApplied
    ? applied.mistakes
    : isChecked
      ? parseQuery(draft, Date.now(), zone).mistakes
      : [];

  const complete = (line: string, caret: number) => {
    const found = completionsAt(line, caret, seenValues(seenEntries()));
    setCompletions(found);
    combobox.resetSelectedOption();
    if (found.options.length > 0) combobox.openDropdown();
    else combobox.closeDropdown();
  };
  const accept = (index: string) => {
    const { start, end, options } = completions;
    const text = options[Number(index)]?.text;
    if (text === undefined) return;
    const line = draft.slice(0, start) + text + draft.slice(end);
    const caret = start + text.length;
    flushSync(() => setDraft(line));
    select(caret, caret);
    if (text.endsWith(":")) complete(line, caret);
    else combobox.closeDropdown();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    combobox.closeDropdown();
    const entry = entryIdIn(draft);
    if (entry !== undefined) {
      setDraft(query);
      go({ entry, entryTeam: undefined });
      return;
    }
    const view = viewIn(draft, window.location.origin);
    if (view !== undefined) {
      setDraft(query);
      go(view);
      return;
    }
    const now = Date.now();
    const { terms, mistakes: found } = parseQuery(draft, now, zone);
    setChecked(found.length > 0);
    if (found.length > 0) return;
    setTerms(withFixedTimes(terms, now, zone));
    // Also where that is the line in the address already.
    setDraft(query);
  };
  const leave = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== "Escape" || combobox.dropdownOpened) return;
    setDraft(query);
    setChecked(false);
    event.currentTarget.blur();
  };

  return (
    <form className={classes.query} onSubmit={submit} noValidate>
      <Combobox store={combobox} onOptionSubmit={accept} position="bottom-start" shadow="md">
        <Combobox.Target withExpandedAttribute>
          <TextInput
            id={queryInputId}
            type="text"
            aria-label="Query line"
            aria-invalid={mistakes.length > 0}
            aria-describedby={mistakes.length > 0 ? mistakesId : undefined}
            placeholder="Filter: action:create actor:usr-… -status:success since:24h"
            classNames={{ input: classes.input ?? "" }}
            leftSection={<IconSearch size={16} aria-hidden />}
            rightSection={
              draft !== "" && (
                <CloseButton
                  size="sm"
                  aria-label="Clear the filter"
                  onClick={() => {
                    setDraft("");
                    setChecked(false);
                    setTerms([]);
                  }}
                />
              )
            }
            error={mistakes.length > 0}
            spellCheck={false}
            autoCapitalize="off"
            autoCorrect="off"
            enterKeyHint="search"
            value={draft}
            onChange={({ currentTarget }) => {
              setDraft(currentTarget.value);
              complete(currentTarget.value, currentTarget.selectionStart ?? 0);
            }}
            onClick={({ currentTarget }) =>
              complete(currentTarget.value, currentTarget.selectionStart ?? 0)
            }
            onBlur={() => combobox.closeDropdown()}
            onKeyDown={leave}
          />
        </Combobox.Target>
        <Combobox.Dropdown>
          <Combobox.Options aria-label="Ways to go on" className={classes.options ?? ""}>
            {completions.options.map(({ text, detail }, index) => (
              <Combobox.Option key={text} value={String(index)} className={classes.option ?? ""}>
                <span className={classes.optionText}>
                  <Plain text={text} />
                </span>
                {detail !== undefined && (
                  <span className={classes.optionDetail}>
                    <Plain text={detail} />
                  </span>
                )}
              </Combobox.Option>
            ))}
          </Combobox.Options>
        </Combobox.Dropdown>
      </Combobox>
      <Mistakes
        id={mistakesId}
        line={draft}
        mistakes={mistakes}
        isApplied={isApplied}
        onShow={({ start, end }: QueryMistake) => select(start, end)}
      />
    </form>
  );
}

function select(start: number, end: number): void {
  const input = document.getElementById(queryInputId);
  if (!(input instanceof HTMLInputElement)) return;
  input.focus();
  input.setSelectionRange(start, end);
}
