/** Tells one who reads further down that there are new entries. */
import { VisuallyHidden } from "@mantine/core";
import { IconArrowUp } from "@tabler/icons-react";
import { useSyncExternalStore } from "react";
import type { LiveTrail } from "./live-trail.ts";
import classes from "./new-entries-pill.module.css";

const numbers = new Intl.NumberFormat("en");

/** The pill over the table's top. `onShow` goes there. */
export function NewEntriesPill({ live, onShow }: { live: LiveTrail; onShow: () => void }) {
  const { waiting, isPaused } = useSyncExternalStore(live.subscribe, live.getStatus);
  return (
    <div className={classes.place}>
      {/* The count changes too often to be said aloud. */}
      <VisuallyHidden role="status">{waiting > 0 && "There are new entries"}</VisuallyHidden>
      {waiting > 0 && (
        <button
          type="button"
          className={classes.pill}
          onClick={() => {
            onShow();
            if (isPaused) live.setPaused(false);
          }}
        >
          <IconArrowUp size={15} aria-hidden />
          {numbers.format(waiting)} new
        </button>
      )}
    </div>
  );
}
