import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./states.module.css";

/** A page, or the place of one, that has nothing to show and says why. */
export function NoticePage(props: {
  /** Decoration. */
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  /** What can be done: buttons, links. */
  actions?: ReactNode;
  role?: "status" | "alert";
}) {
  return (
    <section className={classes.page} role={props.role}>
      <span className={classes.icon} aria-hidden>
        {props.icon}
      </span>
      <Title order={2} size="h3">
        {props.title}
      </Title>
      <Text component="div" c="var(--text-secondary)">
        {props.children}
      </Text>
      {props.actions}
    </section>
  );
}
