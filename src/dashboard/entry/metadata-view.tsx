/** Metadata as a tree that can be searched, and as JSON. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Button, Group, Tabs, Text, TextInput, Title } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { plainJson } from "../../client/plain-json.ts";
import { Plain } from "../text/plain.tsx";
import { ScrollingText } from "../text/scrolling-text.tsx";
import { Clipped } from "./clipped.tsx";
import classes from "./entry.module.css";
import { leafText, type TreeRow, treeRows } from "./metadata-tree.ts";

/** Rows at first, and with each step more. */
const step = 200;

/** Everything that an entry's metadata says. */
export function MetadataView({ metadata }: { metadata: JsonObject }) {
  return (
    <section className={classes.section} aria-label="Metadata">
      <Title order={3} size="h5">
        Metadata
      </Title>
      <Tabs defaultValue="tree" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="tree">Tree</Tabs.Tab>
          <Tabs.Tab value="json">JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="tree" pt="xs">
          <Tree metadata={metadata} />
        </Tabs.Panel>
        <Tabs.Panel value="json" pt="xs">
          <Json value={metadata} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

function Tree({ metadata }: { metadata: JsonObject }) {
  const [search, setSearch] = useState("");
  const [limit, setLimit] = useState(step);
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const { rows, total } = useMemo(
    () => treeRows(metadata, { search, turned, limit }),
    [metadata, search, turned, limit],
  );
  const turn = (id: string) =>
    setTurned((now) => {
      const next = new Set(now);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const isSearch = search.trim() !== "";
  return (
    <div className={classes.section}>
      <TextInput
        size="xs"
        type="search"
        aria-label="Search the metadata"
        placeholder="Search keys and values"
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
      />
      {isSearch && (
        <Text size="xs" c="var(--text-secondary)" role="status">
          {total === 0 ? "Nothing matches." : `${total.toLocaleString("en")} found`}
        </Text>
      )}
      <ul className={classes.tree}>
        {rows.map((row) => (
          <Row key={row.id} row={row} isSearch={isSearch} onTurn={() => turn(row.id)} />
        ))}
      </ul>
      {total > rows.length && (
        <Group>
          <Button size="xs" variant="default" onClick={() => setLimit((now) => now + step)}>
            Show more of {(total - rows.length).toLocaleString("en")}
          </Button>
        </Group>
      )}
    </div>
  );
}

interface RowProps {
  readonly row: TreeRow;
  readonly isSearch: boolean;
  readonly onTurn: () => void;
}

function Row({ row, isSearch, onTurn }: RowProps) {
  const { depth, path, size, value, isOpen } = row;
  // What is found stands without those around it, so it says where it belongs.
  const shownKeys = isSearch ? path : path.slice(-1);
  const key = (
    <span className={classes.key}>
      {shownKeys.map((each, i) => (
        <span key={JSON.stringify(path.slice(0, path.length - shownKeys.length + i + 1))}>
          {i > 0 && " › "}
          {each === "" ? (
            <span className={classes.quiet}>without a name</span>
          ) : (
            <Plain text={each.length > 100 ? `${each.slice(0, 100).toWellFormed()}…` : each} />
          )}
        </span>
      ))}
    </span>
  );
  const style = isSearch ? {} : { marginLeft: `${Math.min(depth, 12) * 0.9}rem` };
  if (size === undefined) {
    return (
      <li className={classes.row} data-leaf={!isSearch || undefined} style={style}>
        {key}: <Leaf value={value} />
      </li>
    );
  }
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  const kind = Array.isArray(value) ? "item" : "member";
  const count = `${size.toLocaleString("en")} ${size === 1 ? kind : `${kind}s`}`;
  return (
    <li className={classes.row} data-leaf={(!isSearch && size === 0) || undefined} style={style}>
      {isSearch || size === 0 ? (
        <>
          {key}: <span className={classes.quiet}>{count}</span>
        </>
      ) : (
        <button type="button" className={classes.toggle} aria-expanded={isOpen} onClick={onTurn}>
          <Chevron size={14} className={classes.chevron ?? ""} aria-hidden />
          {key} <span className={classes.quiet}>{count}</span>
        </button>
      )}
    </li>
  );
}

/** A value that holds no others. */
export function Leaf({ value }: { value: JsonValue }) {
  if (typeof value === "string") {
    if (value === "") return <span className={classes.quiet}>empty text</span>;
    return (
      <span className={classes.text}>
        <Clipped text={value} />
      </span>
    );
  }
  return (
    <span className={typeof value === "number" ? classes.number : classes.word}>
      <Clipped text={leafText(value)} />
    </span>
  );
}

function Json({ value }: { value: JsonObject }) {
  const text = useMemo(() => plainJson(value, 2), [value]);
  return <ScrollingText label="Metadata as JSON" text={text} />;
}
