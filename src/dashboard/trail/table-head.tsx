/** The table's headings. */
import { zoneName } from "../time/format.ts";
import { useTimeStyle } from "../time/moment.tsx";
import { useZone } from "../time/zone.tsx";
import classes from "./entry-table.module.css";

/** The row of headings; the one of the time switches between dates and how long ago. */
export function TableHead({ showsTeam }: { showsTeam: boolean }) {
  const [zone] = useZone();
  const [style, setStyle] = useTimeStyle();
  const other = style === "relative" ? "absolute" : "relative";
  return (
    <thead className={classes.head}>
      <tr aria-rowindex={1} className={classes.headings}>
        <th scope="col">
          <button
            type="button"
            className={classes.timeStyle}
            title={style === "relative" ? "Show dates" : "Show how long ago"}
            onClick={() => setStyle(other)}
          >
            Time
            {style === "absolute" && <span className={classes.zone}>{zoneName(zone)}</span>}
          </button>
        </th>
        <th scope="col">Actor</th>
        <th scope="col">Action</th>
        <th scope="col">Resource</th>
        <th scope="col">Status</th>
        <th scope="col">Scope</th>
        {showsTeam && <th scope="col">Team</th>}
      </tr>
    </thead>
  );
}
