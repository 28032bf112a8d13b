/** The conditions of the query line, one by one. */
import { IconEqual, IconEqualNot, IconX } from "@tabler/icons-react";
import { requestLimits } from "../../limits.ts";
import { Plain } from "../text/plain.tsx";
import { useZone } from "../time/zone.tsx";
import classes from "./filter-bar.module.css";
import type { PlacedTerm } from "./query-line.ts";
import { removeTerm, toggleTerm } from "./term.ts";
import { termLabel, termValues } from "./term-text.ts";
import { useTerms } from "./use-terms.ts";

/** A chip for each condition: to edit it in the line, to turn it round, to take it out. */
export function TermChips({ onEdit }: { onEdit: (term: PlacedTerm) => void }) {
  const [terms, setTerms] = useTerms();
  const [zone] = useZone();
  if (terms.length === 0) return null;
  return (
    <ul className={classes.chips} aria-label="Conditions">
      {terms.slice(0, requestLimits.filterValues).map((term) => {
        const values = termValues(term, Date.now(), zone);
        const name = `${termLabel(term)}: ${values}`;
        return (
          <li
            key={term.start}
            className={classes.chip}
            data-excluded={term.isExcluded || undefined}
          >
            <button
              type="button"
              className={classes.edit}
              aria-label={`Edit ${name}`}
              onClick={() => onEdit(term)}
            >
              <span className={classes.field}>{termLabel(term)}</span> <Plain text={values} />
            </button>
            <button
              type="button"
              className={classes.icon}
              aria-label={term.isExcluded ? `Ask for it: ${name}` : `Leave it out: ${name}`}
              title={term.isExcluded ? "Ask for it" : "Leave it out"}
              onClick={() => setTerms(toggleTerm(terms, term))}
            >
              {term.isExcluded ? <IconEqual size={14} /> : <IconEqualNot size={14} />}
            </button>
            <button
              type="button"
              className={classes.icon}
              aria-label={`Remove ${name}`}
              title="Remove"
              onClick={() => setTerms(removeTerm(terms, term))}
            >
              <IconX size={14} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
