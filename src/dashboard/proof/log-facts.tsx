import { ConnectError } from "@connectrpc/connect";
import { useQuery } from "@tanstack/react-query";
import type { TeamIdText } from "../../client/new-entry.ts";
import { base64 } from "../../log/base64.ts";
import { useSession } from "../session/session.tsx";
import { Plain } from "../text/plain.tsx";
import { absoluteTime, relativeTime } from "../time/format.ts";
import { useZone } from "../time/zone.tsx";
import type { CheckedLog } from "./check-log.ts";
import { keyTextLabel } from "./key-trust.ts";
import classes from "./proof.module.css";

/** Size, name, fingerprint and signer of a log, and when it was last written to and seen. */
export function LogFacts({ log, teamId }: { log: CheckedLog; teamId: TeamIdText }) {
  const { claimed, before, serverKey, signers } = log;
  return (
    <dl className={classes.facts}>
      <dt>Entries</dt>
      <dd>{claimed?.size.toLocaleString("en") ?? "unknown"}</dd>
      <dt>Last recorded</dt>
      <dd>
        <LastRecorded teamId={teamId} size={claimed?.size} />
      </dd>
      <dt>Name of the log</dt>
      <dd>
        <Plain text={claimed?.origin ?? "unknown"} />
      </dd>
      <dt>Fingerprint (root)</dt>
      <dd>
        <code className={classes.code}>{claimed ? base64(claimed.root) : "unknown"}</code>
      </dd>
      <dt>Signed by</dt>
      <dd>
        <Plain text={signers.length > 0 ? signers.join(", ") : keyTextLabel(serverKey)} />
        {signers.length === 0 && " (says the server; not verified)"}
      </dd>
      <dt>Seen before</dt>
      <dd>{before ? <SeenBefore before={before} /> : "not before this visit"}</dd>
    </dl>
  );
}

function SeenBefore({ before }: { before: NonNullable<CheckedLog["before"]> }) {
  const [zone] = useZone();
  const { checkpoint, atMs } = before;
  const time = atMs === undefined ? "" : `, last on ${absoluteTime(atMs, zone)}`;
  return `with ${checkpoint.size.toLocaleString("en")} entries${time}`;
}

/** The newest entry's time, of those that the reader may read. */
function LastRecorded({ teamId, size }: { teamId: TeamIdText; size: bigint | undefined }) {
  const { client } = useSession();
  const [zone] = useZone();
  const { data, error } = useQuery({
    queryKey: ["last entry", teamId, String(size)],
    queryFn: ({ signal }) => client.listPage({ teamId, pageSize: 1, signal }),
  });
  if (error) return <Plain text={ConnectError.from(error).rawMessage} />;
  if (data === undefined) return "…";
  const newest = data.entries[0];
  if (newest === undefined) return "nothing yet";
  const ms = Date.parse(newest.recordTime);
  return `${absoluteTime(ms, zone)} (${relativeTime(ms, Date.now())})`;
}
