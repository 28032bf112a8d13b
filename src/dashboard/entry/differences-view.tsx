/** What has changed, side by side. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Button, Group, Text, Title } from "@mantine/core";
import { useMemo, useState } from "react";
import { Plain } from "../text/plain.tsx";
import { Clipped } from "./clipped.tsx";
import { findDifferences } from "./differences.ts";
import classes from "./entry.module.css";
import { Leaf } from "./metadata-view.tsx";

const atFirst = 50;

/** The changes that metadata tells of; nothing if it tells of none. */
export function DifferencesView({ metadata }: { metadata: JsonObject }) {
  const { changes, notes } = useMemo(() => findDifferences(metadata), [metadata]);
  const [isWhole, setWhole] = useState(false);
  if (changes.length === 0 && notes.length === 0) return null;
  const shown = isWhole ? changes : changes.slice(0, atFirst);
  return (
    <section className={classes.section} aria-label="What changed">
      <Title order={3} size="h5">
        What changed
      </Title>
      {changes.length > 0 && (
        <table className={classes.changes}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ path, before, after }, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: paths may be the same, and do not move
              <tr key={i}>
                <th scope="row">
                  <Clipped text={path} most={100} />
                </th>
                <td className={classes.before}>
                  <Side value={before} missing="was not there" />
                </td>
                <td className={classes.after}>
                  <Side value={after} missing="is gone" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {changes.length > shown.length && (
        <Group>
          <Button size="xs" variant="default" onClick={() => setWhole(true)}>
            Show all {changes.length.toLocaleString("en")}
          </Button>
        </Group>
      )}
      {notes.map((note) => (
        <Text key={note} size="xs" c="var(--text-secondary)">
          Not recorded: <Plain text={note} />
        </Text>
      ))}
    </section>
  );
}

function Side({ value, missing }: { value: JsonValue | undefined; missing: string }) {
  if (value === undefined) return <span className={classes.quiet}>{missing}</span>;
  return <Leaf value={value} />;
}
