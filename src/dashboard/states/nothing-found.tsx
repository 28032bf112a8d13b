import { Button } from "@mantine/core";
import { IconFilterOff } from "@tabler/icons-react";
import { Plain } from "../text/plain.tsx";
import { useView } from "../view/view.ts";
import { NoticePage } from "./notice-page.tsx";
import classes from "./states.module.css";

/** The filter matches nothing: what was looked for, and the way back to everything. */
export function NothingFound() {
  const [{ query, at, isLive }, go] = useView();
  return (
    <NoticePage
      icon={<IconFilterOff size={36} stroke={1.4} />}
      title="No entry matches"
      role="status"
      actions={
        <Button variant="default" onClick={() => go({ query: "", at: undefined })}>
          Clear the filter
        </Button>
      }
    >
      {query !== "" && (
        <>
          <p>You are looking for</p>
          <code className={classes.query}>
            <Plain text={query} />
          </code>
        </>
      )}
      <p>
        {isLive
          ? "New entries that match appear here by themselves."
          : at === undefined
            ? "Every entry that you may read was looked at. Try a longer time or fewer conditions."
            : "There may be some at another time, or with fewer conditions."}
      </p>
    </NoticePage>
  );
}
