import { formatTeamId } from "../../src/ids.ts";
import { type NaiveKind, startNaive } from "../baselines/naive.ts";
import { naiveTable } from "../baselines/naive-store.ts";
import type { BenchDatabase } from "../database.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { adminToken, signToken } from "../token.ts";
import { fillTrail, type Trail } from "./fill.ts";
import { PageReader } from "./page-reader.ts";

/** A trail, and those who read it over RPC. */
export interface OpenTrail extends Trail {
  readonly database: BenchDatabase;
  /** A platform admin, and a member of the large team. */
  readonly admin: PageReader;
  readonly member: PageReader;
  /** The admin again, who is answered by gzip, as browsers and generated clients are. */
  readonly packed: PageReader;
  /** The naive service, on the same table. */
  readonly naive: PageReader;
}

/**
 * Trails of 10,000 entries, ten times as many, and so on up to the largest, of 100,000 or more; made
 * when first asked for.
 */
export class TrailShelf implements AsyncDisposable {
  readonly #setting: Setting;
  readonly #cleanup = new AsyncDisposableStack();
  #trails: Promise<readonly OpenTrail[]> | undefined;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** Smallest first; all of them at once, so that they can be measured in turns. */
  open(): Promise<readonly OpenTrail[]> {
    this.#trails ??= this.#fill();
    return this.#trails;
  }

  async #fill(): Promise<readonly OpenTrail[]> {
    // A single size would show no growth.
    const entries = Math.max(this.#setting.entries, 100_000);
    const trails: OpenTrail[] = [];
    for (let size = 10_000; size < entries; size *= 10) trails.push(await this.#trail(size));
    trails.push(await this.#trail(entries));
    return trails;
  }

  async #trail(entries: number): Promise<OpenTrail> {
    const database = this.#cleanup.use(await this.#setting.postgres.createDatabase());
    const trail = await fillTrail(database, entries);
    const server = this.#cleanup.use(await startServer(database.url));
    const kind: NaiveKind = "connect";
    const naive = this.#cleanup.use(await startNaive(database.url, kind));
    // The same rows and indexes, rather than ten millions once more.
    await database.execute(
      `DROP TABLE ${naiveTable} CASCADE; CREATE VIEW ${naiveTable} AS SELECT * FROM control_plane.audit_logs`,
    );
    const token = await signToken("usr-00000000-0000-4000-8000-000000000001", {
      role: "member",
      team_id: formatTeamId(trail.large),
    });
    const read = async (...args: Parameters<typeof PageReader.open>) =>
      this.#cleanup.use(await PageReader.open(...args));
    return {
      ...trail,
      database,
      admin: await read(server.url, await adminToken()),
      member: await read(server.url, token),
      packed: await read(server.url, await adminToken(), true),
      naive: await read(naive.url, await adminToken()),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What went wrong in filling them, whoever opened them has heard.
    await this.#trails?.catch(() => undefined);
    await this.#cleanup.disposeAsync();
  }
}
