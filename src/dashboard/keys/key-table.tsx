import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { Button } from "@mantine/core";
import { Link } from "wouter";
import type { ApiKey } from "../../../gen/audit/v1/key_service_pb.ts";
import { formatQuery } from "../filter/query-line.ts";
import { grantsInWords } from "../session/caller-words.ts";
import { Plain } from "../text/plain.tsx";
import { absoluteTime, relativeTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import { formatView, plainView } from "../view/view.ts";
import { keyState } from "./key-state.ts";
import classes from "./keys.module.css";

/** The keys, newest first; on a narrow screen one below the other. */
export function KeyTable(props: { keys: readonly ApiKey[]; onRevoke: (key: ApiKey) => void }) {
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">May</th>
          <th scope="col">Made</th>
          <th scope="col">Last use</th>
          <th scope="col">Ends</th>
          <th scope="col">State</th>
          <th scope="col">
            <span className={classes.hidden}>What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.keys.map((key) => (
          <KeyRow key={key.id} apiKey={key} onRevoke={props.onRevoke} />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow({ apiKey, onRevoke }: { apiKey: ApiKey; onRevoke: (key: ApiKey) => void }) {
  const state = keyState(apiKey, Date.now());
  const { name, id, teamId, secretHint, grants, createTime, lastUseTime, expireTime, revokeTime } =
    apiKey;
  return (
    <tr data-state={state}>
      <th scope="row">
        <span className={classes.name}>
          <Plain text={name} />
        </span>
        <code className={classes.hint} title={id}>
          <Plain text={`${secretHint}…`} />
        </code>
      </th>
      <td data-label="May">{grantsInWords(grants)}</td>
      <td data-label="Made">
        <Time time={createTime} otherwise="" />
      </td>
      <td data-label="Last use">
        <Time time={lastUseTime} otherwise="never" />
      </td>
      <td data-label="Ends">
        <Time time={expireTime} otherwise="never" />
      </td>
      <td data-label="State">
        <span className={classes.state}>{state}</span>{" "}
        {revokeTime && <Time time={revokeTime} otherwise="" />}
      </td>
      <td>
        <Button
          size="compact-sm"
          variant="default"
          component={Link}
          href={`/?${formatView({ ...plainView, team: teamId, query: actorQuery(id) })}`}
          aria-label={`What it did: ${name}`}
        >
          What it did
        </Button>{" "}
        {state === "active" && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Revoke ${name}`}
            onClick={() => onRevoke(apiKey)}
          >
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
}

/** The line that finds what a key recorded in its own name. */
function actorQuery(id: string): string {
  return formatQuery([{ field: "actor", values: [id], isExcluded: false }]);
}

function Time({ time, otherwise }: { time: Timestamp | undefined; otherwise: string }) {
  const [zone] = useZone();
  if (!time) return otherwise;
  const ms = timestampMs(time);
  return (
    <time dateTime={new Date(ms).toISOString()} title={absoluteTime(ms, zone)}>
      {relativeTime(ms, Date.now())}
    </time>
  );
}
