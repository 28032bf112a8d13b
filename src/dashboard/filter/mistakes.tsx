import { Plain } from "../text/plain.tsx";
import classes from "./filter-bar.module.css";
import type { QueryMistake } from "./query-line.ts";

/** More would not be read. */
const most = 4;
/** Of a long text the beginning says which one it is. */
const longest = 40;

interface MistakesProps {
  readonly id: string;
  readonly line: string;
  readonly mistakes: readonly QueryMistake[];
  /** Whether the line is the one in the address, so that there is no other filter to go on with. */
  readonly isApplied: boolean;
  /** Somebody wants to see where a mistake is. */
  onShow(mistake: QueryMistake): void;
}

/** What is wrong with a query line, what to do, and what the trail shows meanwhile. */
export function Mistakes({ id, line, mistakes, isApplied, onShow }: MistakesProps) {
  return (
    <div role="alert" id={id}>
      {mistakes.length > 0 && (
        <ul className={classes.mistakes}>
          {mistakes.slice(0, most).map((mistake) => (
            <li key={`${mistake.start} ${mistake.message}`}>
              {mistake.end > mistake.start && (
                <>
                  <button type="button" className={classes.about} onClick={() => onShow(mistake)}>
                    <Plain text={line.slice(mistake.start, mistake.end).slice(0, longest)} />
                  </button>{" "}
                </>
              )}
              <Plain text={mistake.message} />
            </li>
          ))}
          <li className={classes.note}>
            {isApplied
              ? "Nothing is shown until the line is mended."
              : "The trail still shows the filter before."}
          </li>
        </ul>
      )}
    </div>
  );
}
