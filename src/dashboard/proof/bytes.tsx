/** Exact bytes for those who want to check the check. */
import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { ScrollingText } from "../text/scrolling-text.tsx";
import { hex } from "./hex.ts";
import classes from "./proof.module.css";

/** A hash or other bytes in hexadecimal, under a label. */
export function Bytes({ label, bytes }: { label: string; bytes: Uint8Array }) {
  return (
    <Labelled label={label}>
      <code className={classes.code}>{bytes.length === 0 ? "none" : hex(bytes)}</code>
    </Labelled>
  );
}

/** A text to the letter, under a label; what is dangerous in it is shown as its code. */
export function ExactText({ label, text }: { label: string; text: string }) {
  return (
    <Labelled label={label}>
      <ScrollingText label={label} text={text.replace(/\n$/, "")} />
    </Labelled>
  );
}

function Labelled({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={classes.labelled}>
      <Text size="xs" c="var(--text-secondary)">
        {label}
      </Text>
      {children}
    </div>
  );
}
