/** The switch of the live view, and how that stands. */
import { ActionIcon, Button, Switch, VisuallyHidden } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconRefresh } from "@tabler/icons-react";
import { useCallback, useSyncExternalStore } from "react";
import { feedWords } from "../live/feed-words.ts";
import type { LiveTrail } from "../live/live-trail.ts";
import { everySecond } from "../time/clock.ts";
import { useView } from "../view/view.ts";
import { JumpToTime } from "./jump-to-time.tsx";
import classes from "./live-switch.module.css";
import type { Trail } from "./use-trail.ts";

/** The left of the toolbar: live or not, and otherwise from when. */
export function LiveSwitch({ trail: { store, live } }: { trail: Trail }) {
  const [{ isLive }, go] = useView();
  return (
    <div className={classes.bar}>
      <Switch
        label="Live"
        checked={isLive}
        onChange={({ currentTarget }) => go({ isLive: currentTarget.checked, at: undefined })}
      />
      {isLive ? (
        <LiveState live={live} />
      ) : (
        <>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Read anew"
            title="Read anew"
            onClick={() => store.reload()}
          >
            <IconRefresh size={17} />
          </ActionIcon>
          <JumpToTime />
        </>
      )}
    </div>
  );
}

function LiveState({ live }: { live: LiveTrail }) {
  const status = useSyncExternalStore(live.subscribe, live.getStatus);
  // Whole seconds: all that a countdown shows.
  const second = useSyncExternalStore(
    everySecond,
    useCallback(() => Math.floor(Date.now() / 1_000), []),
  );
  const words = feedWords(status, second * 1_000);
  if (words === undefined) return null;
  const { isPaused, feed } = status;
  return (
    <>
      {feed.kind !== "ended" && (
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={isPaused ? "Resume" : "Pause"}
          onClick={() => live.setPaused(!isPaused)}
        >
          {isPaused ? <IconPlayerPlay size={17} /> : <IconPlayerPause size={17} />}
        </ActionIcon>
      )}
      <span className={classes.state} data-tone={words.tone} title={words.advice}>
        <span className={classes.dot} aria-hidden />
        <span>{words.text}</span>
      </span>
      <VisuallyHidden role="status">{words.said}</VisuallyHidden>
      {words.remedy === "restart" && (
        <Button size="compact-sm" variant="default" onClick={() => live.restart()}>
          Follow again
        </Button>
      )}
    </>
  );
}
