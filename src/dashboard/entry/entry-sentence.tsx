import type { EntryJson } from "../../client/entry-json.ts";
import { FilterValue } from "../filter/filter-value.tsx";
import { Plain } from "../text/plain.tsx";
import { shortId } from "../trail/short-id.ts";
import classes from "./entry.module.css";
import { actorLabel, resourceLabel, statusWords } from "./entry-words.ts";
import { Ago } from "./moment.tsx";

/** What happened: who, which action, to what; then when, and how it ended. Action words are free text. */
export function EntrySentence({ entry }: { entry: EntryJson }) {
  const { actor, action, resource, status, occurTime, recordTime } = entry;
  const target = resourceLabel(entry);
  const who = (
    <span className={classes.strong}>
      <Plain text={shortId(actorLabel(entry))} />
    </span>
  );
  const what = (
    <span className={classes.strong}>
      <Plain text={shortId(target ?? "")} />
    </span>
  );
  return (
    <p className={classes.sentence} data-status={status}>
      {actor.id === undefined ? (
        who
      ) : (
        <FilterValue isTabStop field="actor" value={actor.id}>
          {who}
        </FilterValue>
      )}
      {" · "}
      <FilterValue isTabStop field="action" value={action}>
        <span className={classes.strong}>
          <Plain text={action} />
        </span>
      </FilterValue>
      {resource !== undefined && (
        <>
          {" · "}
          {target !== resource.type && (
            <>
              <FilterValue isTabStop field="type" value={resource.type}>
                <Plain text={resource.type} />
              </FilterValue>{" "}
            </>
          )}
          {resource.id === undefined ? (
            what
          ) : (
            <FilterValue isTabStop field="resource" value={resource.id}>
              {what}
            </FilterValue>
          )}
        </>
      )}
      <span className={classes.ending}>
        <Ago time={occurTime ?? recordTime} />. {statusWords(status)}
      </span>
    </p>
  );
}
