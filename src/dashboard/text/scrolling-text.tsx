/** A long text of fixed width that scrolls in its place. */
import { escapeUnsafe } from "../../client/plain-json.ts";
import classes from "./scrolling-text.module.css";

/** The text with its line breaks, and with what is dangerous in it shown as its code. */
export function ScrollingText(props: { label: string; text: string }) {
  return (
    <section
      className={classes.text}
      aria-label={props.label}
      dir="ltr"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard too
      tabIndex={0}
    >
      {escapeUnsafe(props.text, "\n")}
    </section>
  );
}
