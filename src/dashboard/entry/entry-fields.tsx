/** All that an entry has, field by field. */
import type { ReactNode } from "react";
import type { EntryJson } from "../../client/entry-json.ts";
import { FilterValue } from "../filter/filter-value.tsx";
import type { ListField } from "../filter/query-fields.ts";
import { Plain } from "../text/plain.tsx";
import { StatusMark } from "../trail/status-mark.tsx";
import { Clipped } from "./clipped.tsx";
import classes from "./entry.module.css";
import { recorderExplanation, scopeWords } from "./entry-words.ts";
import { Moment } from "./moment.tsx";

/** The fields, but for metadata. */
export function EntryFields({ entry }: { entry: EntryJson }) {
  const { actor, recorder, resource, context = {}, occurTime, recordTime } = entry;
  const explanation = recorderExplanation(entry);
  return (
    <dl className={classes.fields}>
      <Field name="Who">
        {actor.name !== undefined && <Line text={actor.name} />}
        {actor.id !== undefined && <Line field="actor" text={actor.id} isId />}
        <Line field="actor_type" text={actor.type} isQuiet />
      </Field>
      <Field name="Recorded by">
        {explanation === undefined ? (
          <span>the same, by their own credential</span>
        ) : (
          <>
            <Line text={recorder.id} isId />
            <Line text={recorder.type} isQuiet />
            <span className={classes.quiet}>{explanation}</span>
          </>
        )}
      </Field>
      <Field name="Did">
        <Line field="action" text={entry.action} />
      </Field>
      {resource !== undefined && (
        <Field name="To">
          {resource.name !== undefined && <Line text={resource.name} />}
          {resource.id !== undefined && <Line field="resource" text={resource.id} isId />}
          <Line field="type" text={resource.type} isQuiet />
        </Field>
      )}
      <Field name="Status">
        <FilterValue isTabStop field="status" value={entry.status}>
          <StatusMark status={entry.status} />
        </FilterValue>
      </Field>
      <Field name="Scope">
        <Line field="scope" text={entry.scope} />
        <span className={classes.quiet}>{scopeWords(entry.scope)}</span>
      </Field>
      {occurTime !== undefined && (
        <Field name="Happened">
          <Moment time={occurTime} />
          <span className={classes.quiet}>, as the recorder said</span>
        </Field>
      )}
      <Field name="Recorded">
        <Moment time={recordTime} />
        <span className={classes.quiet}>, by the log's own clock</span>
      </Field>
      {context.ipAddress !== undefined && (
        <Field name="IP address">
          <Line text={context.ipAddress} isId />
        </Field>
      )}
      {context.userAgent !== undefined && (
        <Field name="User agent">
          <Line text={context.userAgent} />
        </Field>
      )}
      {context.requestId !== undefined && (
        <Field name="Request id">
          <Line field="request" text={context.requestId} isId />
        </Field>
      )}
      {context.traceId !== undefined && (
        <Field name="Trace id">
          <Line text={context.traceId} isId />
        </Field>
      )}
      <Field name="Entry">
        <Line text={entry.id} isId />
        <span className={classes.quiet}>number {String(entry.sequence)} of its log</span>
      </Field>
      <Field name="Team">
        <Line text={entry.teamId} isId />
      </Field>
      <Field name="Fingerprint">
        <Line text={entry.leafHash} isId />
      </Field>
    </dl>
  );
}

function Field({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface LineProps {
  readonly text: string;
  /** What to filter by when it is clicked. */
  readonly field?: ListField;
  readonly isId?: boolean;
  readonly isQuiet?: boolean;
}

function Line({ text, field, isId = false, isQuiet = false }: LineProps) {
  return (
    <div className={isId ? classes.mono : isQuiet ? classes.quiet : undefined}>
      {field === undefined ? (
        <Clipped text={text} />
      ) : (
        <FilterValue isTabStop field={field} value={text}>
          <Plain text={text} />
        </FilterValue>
      )}
    </div>
  );
}
