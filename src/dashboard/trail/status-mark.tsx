/** How an action ended, as a coloured dot and its word. */
import classes from "./status-mark.module.css";

const colours: Readonly<Record<string, string | undefined>> = {
  success: classes.success,
  info: classes.info,
  warning: classes.warning,
  error: classes.error,
};

/** The mark of a status. A word that only a newer server knows has no colour. */
export function StatusMark({ status }: { status: string }) {
  return (
    <span className={`${classes.mark} ${colours[status] ?? ""}`}>
      <span className={classes.dot} aria-hidden />
      {status}
    </span>
  );
}
