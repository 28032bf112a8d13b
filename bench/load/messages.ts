import { randomUUIDv7 } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { RecordRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { seededRandom } from "../../src/cli/demo-random.ts";
import { nextEntry } from "../../src/cli/demo-traffic.ts";
import { createWorld } from "../../src/cli/demo-world.ts";
import type { TeamIdText } from "../../src/client/new-entry.ts";
import { newEntryMessage } from "../../src/client/new-entry-message.ts";

/** Which requests to make. */
export interface MessageOptions {
  /** The teams' UUIDs; requests go to them in turns, a batch to one, as recorders send them. */
  readonly teams: readonly string[];
  /** Entries a request: 1 makes `RecordRequest`s, more `RecordBatchRequest`s. */
  readonly entries: number;
  /** Of a batch: whether to be answered with no more than is needed, as recorders are. */
  readonly acknowledgeOnly?: boolean;
}

const seed = 1843;
/** Different entries before they come again with new ids. */
const variety = 4_096;
const placeholderId = "log-11111111-1111-7111-8111-111111111111";
const placeholderTeam = "team-22222222-2222-4222-8222-222222222222";
/** `acknowledge_only = true` of a RecordBatchRequest. */
const acknowledge = Buffer.of(0x10, 0x01);

/** An entry encoded as `RecordRequest`, and where its UUIDs are. */
interface Shape {
  readonly bytes: Buffer;
  readonly idAt: number;
  readonly teamAt: number;
}

/**
 * Makes requests of the demo's traffic, encoded once; each copy gets new ids (UUIDv7) and the next team.
 * A request costs some microseconds.
 */
export function messageMaker({
  teams,
  entries,
  acknowledgeOnly = false,
}: MessageOptions): () => Buffer {
  const shapes = demoShapes();
  let made = 0;
  let requests = 0;
  const write = (shape: Shape, into: Buffer, at: number, team: string) => {
    shape.bytes.copy(into, at);
    into.write(randomUUIDv7(), at + shape.idAt, "latin1");
    into.write(team, at + shape.teamAt, "latin1");
    made++;
  };
  const next = () => shapes[made % variety] as Shape;
  const nextTeam = () => teams[requests++ % teams.length] as string;
  if (entries === 1) {
    return () => {
      const shape = next();
      const message = Buffer.allocUnsafe(shape.bytes.length);
      write(shape, message, 0, nextTeam());
      return message;
    };
  }
  return () => {
    const chosen = Array.from({ length: entries }, (_, i) => shapes[(made + i) % variety] as Shape);
    const tail = acknowledgeOnly ? acknowledge : Buffer.alloc(0);
    const size = chosen.reduce((sum, { bytes }) => sum + bytes.length, tail.length);
    const message = Buffer.allocUnsafe(size);
    const team = nextTeam();
    let at = 0;
    // Both requests have their entries as field 1, so a batch is single requests in a row.
    for (const shape of chosen) {
      write(shape, message, at, team);
      at += shape.bytes.length;
    }
    tail.copy(message, at);
    return message;
  };
}

function demoShapes(): Shape[] {
  const random = seededRandom(seed);
  const teamId = placeholderTeam as TeamIdText;
  const world = createWorld(random, teamId);
  return Array.from({ length: variety }, () => {
    const entry = { ...nextEntry(world, random), teamId, id: placeholderId };
    const message = { entry: newEntryMessage(entry as Parameters<typeof newEntryMessage>[0]) };
    const bytes = Buffer.from(toBinary(RecordRequestSchema, create(RecordRequestSchema, message)));
    return {
      bytes,
      idAt: bytes.indexOf(placeholderId) + "log-".length,
      teamAt: bytes.indexOf(placeholderTeam) + "team-".length,
    };
  });
}
