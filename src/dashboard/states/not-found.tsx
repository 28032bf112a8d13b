import { Button } from "@mantine/core";
import { IconMapQuestion } from "@tabler/icons-react";
import { Link } from "wouter";
import { NoticePage } from "./notice-page.tsx";

/** An address that is no page's. */
export function NotFound() {
  return (
    <NoticePage
      icon={<IconMapQuestion size={36} stroke={1.4} />}
      title="There is nothing here"
      actions={
        <Button variant="default" component={Link} href="/">
          Open the trail
        </Button>
      }
    >
      The address may be cut short, or of a newer version of this page.
    </NoticePage>
  );
}
