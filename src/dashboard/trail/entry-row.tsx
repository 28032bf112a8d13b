/** One entry of the table. */
import {
  IconKey,
  IconServer,
  IconSettingsAutomation,
  IconUser,
  IconUserQuestion,
} from "@tabler/icons-react";
import { type MouseEvent, memo } from "react";
import { escapeUnsafe } from "../../client/plain-json.ts";
import { FilterValue } from "../filter/filter-value.tsx";
import { Plain } from "../text/plain.tsx";
import { Moment, type TimeStyle } from "../time/moment.tsx";
import type { Zone } from "../time/zone.tsx";
import classes from "./entry-table.module.css";
import { shortId } from "./short-id.ts";
import { StatusMark } from "./status-mark.tsx";
import { recordMs, type TrailRow } from "./trail-row.ts";

const actorIcons = {
  user: IconUser,
  api_key: IconKey,
  service: IconServer,
  system: IconSettingsAutomation,
  anonymous: IconUserQuestion,
};

/** How rows look, the same for all. */
export interface RowLook {
  readonly timeStyle: TimeStyle;
  readonly zone: Zone;
  readonly showsTeam: boolean;
}

/** A row, and where it is. */
export interface EntryRowProps extends RowLook {
  readonly row: TrailRow;
  /** From 0, from the top. */
  readonly index: number;
  /** In pixels from the top. */
  readonly top: number;
  readonly id: string;
  readonly isActive: boolean;
  /** Its entry is open in the drawer. */
  readonly isOpen: boolean;
  /** The first row at the time that was jumped to. */
  readonly isAt: boolean;
  readonly onOpen: (row: TrailRow) => void;
  readonly onTeam: (teamId: string) => void;
}

/** A row of the grid. */
export const EntryRow = memo(function EntryRow(props: EntryRowProps) {
  const { row, index, top, id, isActive, isOpen, isAt, onOpen, onTeam } = props;
  const { timeStyle, zone, showsTeam } = props;
  const open = (event: MouseEvent) => {
    // A value in the row does its own thing, and selecting text is not a click.
    const isOwn = event.target instanceof Element && event.target.closest("button, a") === null;
    if (isOwn && window.getSelection()?.isCollapsed !== false) onOpen(row);
  };
  return (
    <tr
      id={id}
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={classes.row}
      style={{ top }}
      onClick={open}
      data-active={isActive || undefined}
      data-open={isOpen || undefined}
      data-at={isAt || undefined}
    >
      <Cells {...{ row, timeStyle, zone, showsTeam, onTeam }} />
    </tr>
  );
});

/** What an entry says never changes: only its place does. */
const Cells = memo(function Cells(props: RowLook & Pick<EntryRowProps, "row" | "onTeam">) {
  const { row, timeStyle, zone, showsTeam, onTeam } = props;
  const { actor, resource, action, status, scope, teamId } = row;
  return (
    <>
      <td className={classes.time}>
        <Moment ms={recordMs(row)} style={timeStyle} zone={zone} />
      </td>
      <td className={classes.actor}>
        <ActorCell actor={actor} />
      </td>
      <td className={classes.action}>
        <FilterValue field="action" value={action}>
          <Plain text={action} />
        </FilterValue>
      </td>
      <td className={classes.resource}>{resource && <ResourceCell resource={resource} />}</td>
      <td className={classes.status}>
        <FilterValue field="status" value={status}>
          <StatusMark status={status} />
        </FilterValue>
      </td>
      <td className={classes.scope}>
        <FilterValue field="scope" value={scope}>
          <span className={scope === "admin" ? classes.admin : classes.quiet}>{scope}</span>
        </FilterValue>
      </td>
      {showsTeam && (
        <td className={classes.team}>
          <button
            type="button"
            tabIndex={-1}
            className={`${classes.toTeam} ${classes.quiet}`}
            title={`Only this team: ${teamId}`}
            onClick={() => onTeam(teamId)}
          >
            {shortId(teamId)}
          </button>
        </td>
      )}
    </>
  );
});

function ActorCell({ actor: { type, id, name } }: { actor: TrailRow["actor"] }) {
  const Icon = actorIcons[type as keyof typeof actorIcons] ?? IconUserQuestion;
  const value = id ?? type;
  return (
    <>
      <Icon size={15} className={classes.icon} aria-label={type.replaceAll("_", " ")} role="img" />
      <FilterValue field={id === undefined ? "actor_type" : "actor"} value={value}>
        <Named name={name} id={value} />
      </FilterValue>
    </>
  );
}

function ResourceCell({ resource: { type, id, name } }: { resource: Resource }) {
  return (
    <>
      <FilterValue field="type" value={type}>
        <span className={classes.kind}>
          <Plain text={type} />
        </span>
      </FilterValue>
      {id !== undefined && (
        <FilterValue field="resource" value={id}>
          <Named name={name} id={id} />
        </FilterValue>
      )}
      {id === undefined && name !== undefined && <Plain text={name} />}
    </>
  );
}

type Resource = NonNullable<TrailRow["resource"]>;

/** A name before its id, and the whole of both while the pointer is on it. */
function Named({ name, id }: { name: string | undefined; id: string }) {
  const title = escapeUnsafe(name === undefined ? id : `${name} · ${id}`);
  return (
    <span className={classes.named} title={title}>
      {name !== undefined && (
        <span className={classes.name}>
          <Plain text={name} />
        </span>
      )}
      <span className={name === undefined ? classes.onlyId : classes.id}>
        <Plain text={shortId(id)} />
      </span>
    </span>
  );
}
