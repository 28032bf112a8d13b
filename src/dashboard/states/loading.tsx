import { Center, Group, Loader, Text } from "@mantine/core";
import classes from "./loading.module.css";

/** Something is on its way. `what` is said to screen readers too. Example: `Signing in` */
export function Loading({ what }: { what: string }) {
  return (
    // What is there in a moment is not announced as on its way.
    <Center h="100%" mih={160} role="status" className={classes.soon ?? ""}>
      <Group gap="sm">
        <Loader size="sm" aria-hidden />
        <Text c="var(--text-secondary)">{what}…</Text>
      </Group>
    </Center>
  );
}
