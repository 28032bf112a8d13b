import { hash } from "node:crypto";
import type { Entry, Json } from "../../src/log/entry.ts";

/**
 * The leaf of an entry as `docs/proofs.md` defines it, in so many words. What our own code, which
 * is written for speed, is held to; it shares nothing with it.
 */

/** RFC 8785: members sorted by the UTF-16 code units of their names, no white space. */
export function definedJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(definedJson).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => ({ name, member }));
  members.sort((a, b) => compareUnits(a.name, b.name));
  const texts = members.map(({ name, member }) => `${JSON.stringify(name)}:${definedJson(member)}`);
  return `{${texts.join()}}`;
}

function compareUnits(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const difference = a.charCodeAt(at) - b.charCodeAt(at);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

type Members = { readonly [name: string]: Json | undefined };

/** Without absent members; undefined if none is left. */
function present(members: Members): { [name: string]: Json } | undefined {
  const there = Object.entries(members).filter((member): member is [string, Json] => {
    return member[1] !== undefined;
  });
  return there.length === 0 ? undefined : Object.fromEntries(there);
}

/** The canonical JSON of an entry's details. */
export function definedDetailsText({ details }: Pick<Entry, "details">): string {
  const { actorName, resourceName, metadata, ipAddress, userAgent, requestId, traceId } = details;
  return definedJson(
    present({
      actor: present({ name: actorName }),
      resource: present({ name: resourceName }),
      metadata,
      context: present({
        ip_address: ipAddress,
        user_agent: userAgent,
        request_id: requestId,
        trace_id: traceId,
      }),
    }) ?? {},
  );
}

/** SHA-256(salt ‖ details text). */
export function definedDetailsDigest(salt: Uint8Array, entry: Pick<Entry, "details">): Buffer {
  return hash("sha256", Buffer.concat([salt, Buffer.from(definedDetailsText(entry))]), "buffer");
}

/** RFC 3339 in UTC, three decimals; 24 characters for the years 0001 to 9999. */
function definedTime(time: number): string {
  const instant = Temporal.Instant.fromEpochMilliseconds(time);
  return instant.toString({ fractionalSecondDigits: 3 });
}

/** The canonical JSON of an entry's leaf. */
export function definedLeafText(entry: Omit<Entry, "bytes">): string {
  return definedJson(
    present({
      v: 1,
      id: `log-${entry.id}`,
      team_id: `team-${entry.teamId}`,
      recorder: { type: entry.recorder.type, id: entry.recorder.id },
      actor: { type: entry.actor.type, id: entry.actor.id },
      resource: entry.resource && present({ type: entry.resource.type, id: entry.resource.id }),
      action: entry.action,
      scope: entry.scope,
      status: entry.status,
      occur_time: entry.occurTime === undefined ? undefined : definedTime(entry.occurTime),
      record_time: definedTime(entry.recordTime),
      details: Buffer.from(entry.detailsDigest).toString("base64url"),
    }) ?? {},
  );
}

/** SHA-256(0x00 ‖ leaf text). */
export function definedLeafHash(entry: Omit<Entry, "bytes">): Buffer {
  const text = Buffer.from(definedLeafText(entry));
  return hash("sha256", Buffer.concat([Buffer.of(0), text]), "buffer");
}
