/** What the lines of an export between header and end must show. */
import { DetailsState } from "../../gen/audit/v1/entry_pb.ts";
import {
  type ExportEnd,
  type ExportHeader,
  type ExportLine,
  ExportLineError,
} from "./export-lines.ts";
import type { VerifiedCheckpoint } from "./verify/checkpoint.ts";
import { VerificationError } from "./verify/fault.ts";
import type { Verifier } from "./verify/verifier.ts";
import type { LogWalk } from "./verify/walk.ts";

/** What an export was found to be. */
export interface ExportReport {
  readonly header: ExportHeader;
  readonly checkpoint: VerifiedCheckpoint;
  /** Entries whose content was checked. */
  readonly opened: number;
  /** Those of them without details that were erased: in a filtered one, as its maker says. */
  readonly erased: number;
  /** Positions of which only the hash is there: what they say was not seen. */
  readonly withheld: number;
  /** Entries before the first position, which are not there: unless 0, it is no whole log. */
  readonly pruned: bigint;
  /** The root at the earlier size that was asked for, if a complete export passes through it. */
  readonly earlierRoot?: Uint8Array;
}

/** Takes line after line. Both throw VerificationError and ExportLineError. */
export interface ExportBody {
  take(line: ExportLine): void;
  finish(end: ExportEnd): Promise<ExportReport>;
}

/** The body that a header calls for. @throws VerificationError for a filtered one's checkpoint. */
export async function bodyOf(
  header: ExportHeader,
  verifier: Verifier,
  earlierSize: bigint | undefined,
): Promise<ExportBody> {
  const { checkpoint } = header;
  if (checkpoint === undefined) return new CompleteBody(header, verifier, earlierSize);
  const verified = await verifier.verifyCheckpoint(checkpoint, header.teamId);
  return new FilteredBody(header, verifier, verified);
}

/** Every position of the log: the root comes out right, or something is amiss. */
class CompleteBody implements ExportBody {
  readonly #header: ExportHeader;
  readonly #verifier: Verifier;
  readonly #earlierSize: bigint | undefined;
  #walk: LogWalk;
  #pruned = 0n;
  #earlierRoot: Uint8Array | undefined;

  constructor(header: ExportHeader, verifier: Verifier, earlierSize: bigint | undefined) {
    this.#header = header;
    this.#verifier = verifier;
    this.#earlierSize = earlierSize;
    this.#walk = verifier.walk(header.teamId);
  }

  take(line: ExportLine): void {
    if (line.kind === "pruned") this.#startAt(line);
    else if (line.kind === "withheld") this.#walk.addWithheld(line);
    else if (line.kind === "entry" && line.proof === undefined) this.#walk.addEntry(line.entry);
    else throw new ExportLineError("it does not belong into a complete export");
    if (this.#walk.size === this.#earlierSize) this.#earlierRoot = this.#walk.root;
  }

  #startAt({ size, hashes }: { size: bigint; hashes: readonly Uint8Array[] }): void {
    if (this.#walk.size > 0n || size < 1n) {
      throw new ExportLineError("only the first entries of a log can be pruned");
    }
    this.#walk = this.#verifier.walk(this.#header.teamId, { size, hashes });
    this.#pruned = size;
  }

  async finish(end: ExportEnd): Promise<ExportReport> {
    const header = this.#header;
    const checkpoint = await this.#verifier.verifyCheckpoint(end.checkpoint, header.teamId);
    if (checkpoint.origin !== header.origin) throw new VerificationError("wrong_origin");
    if (this.#pruned > 0n && this.#pruned >= checkpoint.size) {
      throw new ExportLineError("it has nothing of the log, all of which it says was pruned");
    }
    const { opened, erased, withheld } = this.#walk.finish(checkpoint);
    requireCounts(end, opened, withheld);
    const earlierRoot = this.#earlierRoot;
    return {
      ...{ header, checkpoint, opened, erased, withheld, pruned: this.#pruned },
      ...(earlierRoot && { earlierRoot }),
    };
  }
}

/** Some entries, each with its own proof. */
class FilteredBody implements ExportBody {
  readonly #header: ExportHeader;
  readonly #verifier: Verifier;
  readonly #checkpoint: VerifiedCheckpoint;
  #last = 0n;
  #opened = 0;
  #erased = 0;

  constructor(header: ExportHeader, verifier: Verifier, checkpoint: VerifiedCheckpoint) {
    if (checkpoint.origin !== header.origin) throw new VerificationError("wrong_origin");
    this.#header = header;
    this.#verifier = verifier;
    this.#checkpoint = checkpoint;
  }

  take(line: ExportLine): void {
    if (line.kind !== "entry" || line.proof === undefined) {
      throw new ExportLineError("a filtered export has entries with proofs only");
    }
    const { entry, proof } = line;
    const { sequence } = entry;
    if (sequence === this.#last) throw new VerificationError("sequence_repeated", { sequence });
    if (sequence < this.#last) {
      throw new ExportLineError(`entry ${sequence} comes after entry ${this.#last}`);
    }
    const inclusion = { ...proof, treeSize: this.#checkpoint.size };
    this.#verifier.verifyEntry(entry, inclusion, this.#checkpoint);
    this.#last = sequence;
    this.#opened += 1;
    if (entry.detailsState === DetailsState.ERASED) this.#erased += 1;
  }

  async finish(end: ExportEnd): Promise<ExportReport> {
    if (end.checkpoint !== this.#header.checkpoint) {
      throw new ExportLineError("its checkpoint is not the one of the header");
    }
    requireCounts(end, this.#opened, 0);
    return {
      header: this.#header,
      checkpoint: this.#checkpoint,
      opened: this.#opened,
      erased: this.#erased,
      withheld: 0,
      pruned: 0n,
    };
  }
}

function requireCounts({ entries, withheld }: ExportEnd, opened: number, hashes: number): void {
  if (entries === opened && withheld === hashes) return;
  throw new ExportLineError(
    `it tells of ${entries} entries and ${withheld} hashes, and there are ${opened} and ${hashes}`,
  );
}
