import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import type { TrailQuery } from "../trail/trail-query.ts";

const ExportDialog = lazy(() => import("./export-dialog.tsx"));

/** Opens the dialog in which what is shown is exported. */
export function ExportButton({ query }: { query: TrailQuery }) {
  // As the view was when it was opened: times like "the last hour" do not move meanwhile.
  const [exported, setExported] = useState<TrailQuery>();
  return (
    <>
      <Button
        size="xs"
        variant="default"
        flex="none"
        leftSection={<IconDownload size={16} aria-hidden />}
        onClick={() => setExported(query)}
      >
        Export
      </Button>
      {exported && (
        <Suspense fallback={null}>
          <ExportDialog query={exported} onClose={() => setExported(undefined)} />
        </Suspense>
      )}
    </>
  );
}
