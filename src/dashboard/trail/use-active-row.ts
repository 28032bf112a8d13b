/** The row that the keys are on. */
import { useCallback, useState } from "react";
import { useView, type View } from "../view/view.ts";
import type { TrailRow } from "./trail-row.ts";

/** The active row, and the ways to another. */
export interface ActiveRow {
  /** Its index in the rows; -1 if none is, or it is no longer held. */
  readonly index: number;
  /** Whether a row's entry is open in the drawer. */
  isOpen(row: TrailRow): boolean;
  /** Makes a row active; with the drawer open, its entry comes into that. */
  activate(index: number): void;
  /** Opens an entry in the drawer. */
  open(row: TrailRow): void;
  /** Makes no row active. */
  clear(): void;
}

/** The active row among these: the one whose entry is open, or else the last that was chosen. */
export function useActiveRow(rows: readonly TrailRow[], showsTeam: boolean): ActiveRow {
  const [{ entry, entryTeam }, go] = useView();
  const [chosen, setChosen] = useState<string>();
  const isOpen = useCallback(
    ({ id, teamId }: TrailRow) => id === entry && (entryTeam ?? teamId) === teamId,
    [entry, entryTeam],
  );
  // The back button opens entries too.
  const openIndex = entry === undefined ? -1 : rows.findIndex(isOpen);
  const index = openIndex < 0 ? rows.findIndex(({ key }) => key === chosen) : openIndex;

  const opened = useCallback(
    ({ id, teamId }: TrailRow): Partial<View> => ({
      entry: id,
      entryTeam: showsTeam ? teamId : undefined,
    }),
    [showsTeam],
  );
  const open = useCallback(
    (row: TrailRow) => {
      setChosen(row.key);
      go(opened(row));
    },
    [go, opened],
  );
  return {
    index,
    isOpen,
    open,
    activate: (next) => {
      const row = rows[next];
      if (row === undefined) return;
      setChosen(row.key);
      if (entry !== undefined) go(opened(row), { replace: true });
    },
    clear: () => setChosen(undefined),
  };
}

/** The id of a row's element. */
export function rowElementId(row: TrailRow): string {
  return `entry-${row.key.replace("/", "-")}`;
}
