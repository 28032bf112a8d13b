/** Other entries that have to do with one. */
import { Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { EntryFilter } from "../../client/entry-filter.ts";
import type { EntryJson } from "../../client/entry-json.ts";
import { formatQuery, type QueryField } from "../filter/query-line.ts";
import { useSession } from "../session/session.tsx";
import { Plain } from "../text/plain.tsx";
import { formatView, plainView, useView } from "../view/view.ts";
import classes from "./entry.module.css";
import { actorLabel, resourceLabel } from "./entry-words.ts";
import { Ago } from "./moment.tsx";

/** What two entries have in common. */
interface Relation {
  readonly title: string;
  readonly filter: EntryFilter;
  readonly terms: readonly (readonly [QueryField, string])[];
}

const shown = 5;

/** The newest few with the same resource, actor and request, each with the way to the others. */
export function RelatedEntries({ entry }: { entry: EntryJson }) {
  return (
    <section className={classes.section} aria-label="Related entries">
      {relationsOf(entry).map((relation) => (
        <Related key={relation.title} entry={entry} relation={relation} />
      ))}
    </section>
  );
}

function relationsOf({ resource, actor, context }: EntryJson): Relation[] {
  const relations: Relation[] = [];
  if (resource?.id !== undefined) {
    relations.push({
      title: "Same resource",
      filter: { resourceTypes: [resource.type], resourceIds: [resource.id] },
      terms: [
        ["type", resource.type],
        ["resource", resource.id],
      ],
    });
  }
  if (actor.id !== undefined && actor.type !== "anonymous" && actor.type !== "system") {
    const filter = { actorIds: [actor.id] };
    relations.push({ title: "Same actor", filter, terms: [["actor", actor.id]] });
  }
  if (context?.requestId !== undefined) {
    const filter = { requestIds: [context.requestId] };
    relations.push({ title: "Same request", filter, terms: [["request", context.requestId]] });
  }
  return relations;
}

function Related({ entry, relation }: { entry: EntryJson; relation: Relation }) {
  const { client } = useSession();
  const [view] = useView();
  const { title, filter, terms } = relation;
  const { teamId } = entry;
  // One more than is shown, for the entry itself is among them or not.
  const { data, error } = useQuery({
    queryKey: ["related", teamId, filter],
    queryFn: ({ signal }) => client.listPage({ teamId, filter, pageSize: shown + 1, signal }),
    staleTime: 30_000,
  });
  const query = formatQuery(
    terms.map(([field, value]) => ({ field, values: [value], isExcluded: false })),
  );
  const others = data?.entries.filter(({ id }) => id !== entry.id).slice(0, shown);
  return (
    <div className={classes.section}>
      <Title order={3} size="h5">
        {title}
      </Title>
      {error && (
        <Text size="sm" c="var(--text-secondary)">
          They could not be read just now.
        </Text>
      )}
      {others?.length === 0 && (
        <Text size="sm" c="var(--text-secondary)">
          {data?.nextPageToken === undefined ? "No others." : "None among the latest entries."}
        </Text>
      )}
      {others !== undefined && others.length > 0 && (
        <ul className={classes.related}>
          {others.map((other) => (
            <li key={other.id}>
              <RelatedEntry entry={other} />
            </li>
          ))}
        </ul>
      )}
      <Link href={`/?${formatView({ ...plainView, team: view.team ?? teamId, query })}`}>
        <Text span size="sm">
          Show them all in the trail
        </Text>
      </Link>
    </div>
  );
}

function RelatedEntry({ entry }: { entry: EntryJson }) {
  const [view, go] = useView();
  const { id, teamId, status, action, recordTime } = entry;
  const target = resourceLabel(entry);
  const entryTeam = view.team === "all" ? teamId : view.entryTeam;
  return (
    <button
      type="button"
      className={classes.relatedEntry}
      onClick={() => go({ entry: id, entryTeam })}
    >
      <Plain text={short(actorLabel(entry))} />:{" "}
      <strong>
        <Plain text={short(action)} />
      </strong>
      {target !== undefined && (
        <>
          {" "}
          <Plain text={short(target)} />
        </>
      )}{" "}
      <span className={classes.quiet}>
        <span className={classes.status} data-status={status}>
          {status}
        </span>
        , <Ago time={recordTime} />
      </span>
    </button>
  );
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60).toWellFormed()}…` : text;
}
