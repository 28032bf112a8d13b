/** The steps of a verification, with ticks. */
import { Text } from "@mantine/core";
import { IconCircleCheck, IconCircleDashed, IconCircleX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Plain } from "../text/plain.tsx";
import { faultWords } from "./fault-words.ts";
import classes from "./proof.module.css";
import type { StepOutcome } from "./prove-entry.ts";

const icons = { passed: IconCircleCheck, failed: IconCircleX, skipped: IconCircleDashed };
const spoken = { passed: "Holds", failed: "Broken", skipped: "Not reached" };

/** A list of {@link Step}. */
export function StepList({ children }: { children: ReactNode }) {
  return <ol className={classes.steps}>{children}</ol>;
}

/** What a step shows. */
export interface StepProps {
  readonly outcome: StepOutcome;
  /** What holds if it passed. */
  readonly title: ReactNode;
  /** Exact bytes, behind a button; `moreName` is the button's. */
  readonly moreName?: string;
  readonly more?: ReactNode;
  readonly children?: ReactNode;
}

/** One step: what holds, or what is broken and what that means. */
export function Step({ outcome, title, moreName, more, children }: StepProps) {
  const Icon = icons[outcome.state];
  return (
    <li className={classes.step} data-state={outcome.state}>
      <Icon
        size={21}
        className={classes[outcome.state] ?? ""}
        role="img"
        aria-label={spoken[outcome.state]}
      />
      <div className={classes.stepBody}>
        <Text size="sm" {...(outcome.state === "skipped" && { c: "var(--text-secondary)" })}>
          {title}
        </Text>
        {outcome.state === "failed" && <Broken error={outcome.error} />}
        {children}
        {more !== undefined && (
          <details className={classes.more}>
            <summary>{moreName}</summary>
            <div className={classes.inside}>{more}</div>
          </details>
        )}
      </div>
    </li>
  );
}

/** Why something is broken, what it means and what to do. */
export function Broken({ error }: { error: Parameters<typeof faultWords>[0] }) {
  const { meaning, advice } = faultWords(error);
  return (
    <div className={classes.broken}>
      <Text size="sm" fw={600} className={classes.failed ?? ""}>
        <Plain text={meaning} />
      </Text>
      <Text size="sm">{advice}</Text>
      <Text size="xs" c="var(--text-secondary)">
        In the verifier's words: <Plain text={error.message} />
      </Text>
    </div>
  );
}
