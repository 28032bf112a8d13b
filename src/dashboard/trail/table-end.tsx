/** What comes below the last row: more, the log's beginning, or why there is no more. */
import { Button } from "@mantine/core";
import { Failure } from "../states/failure.tsx";
import classes from "./entry-table.module.css";
import type { SideStatus } from "./side.ts";

/** What the end needs to know. */
export interface TableEndProps {
  readonly status: SideStatus;
  /** Columns of the table. */
  readonly columns: number;
  readonly hasRows: boolean;
  /** The beginning of the log itself is shown, not that of a filter's range. */
  readonly isWholeLog: boolean;
  readonly onMore: () => void;
}

/** Skeleton rows when there are none yet. */
const skeletons = Array.from({ length: 12 }, (_, n) => n);

/** The last row of the grid. */
export function TableEnd({ status, columns, hasRows, isWholeLog, onMore }: TableEndProps) {
  if (status.kind === "end" && !hasRows) return null;
  const isFirst = !hasRows && (status.kind === "loading" || status.kind === "more");
  return (
    <tfoot>
      <tr className={classes.end}>
        <td colSpan={columns} className={classes.endCell} data-skeleton={isFirst || undefined}>
          {isFirst ? <Skeleton /> : <End {...{ status, isWholeLog, onMore }} />}
        </td>
      </tr>
    </tfoot>
  );
}

function Skeleton() {
  return (
    <div role="status" aria-label="Reading entries" className={classes.skeletons}>
      {skeletons.map((n) => (
        <div key={n} className={classes.skeleton}>
          <span />
          <span />
          <span />
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}

function End(props: Pick<TableEndProps, "status" | "isWholeLog" | "onMore">) {
  const { status, isWholeLog, onMore } = props;
  switch (status.kind) {
    case "end":
      return <span>{isWholeLog ? "The beginning of the log" : "No more entries match"}</span>;
    case "failed":
      return <Failure error={status.error} onRetry={onMore} />;
    case "searched":
      return (
        <span className={classes.searched}>
          Searched a long way back without finding more.
          <Button size="compact-sm" variant="default" onClick={onMore}>
            Keep searching
          </Button>
        </span>
      );
    case "more":
    case "loading":
      return <span role="status">Reading older entries…</span>;
  }
}
