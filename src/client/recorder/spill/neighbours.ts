import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { contentsOf } from "./directory.ts";
import { codeOf, isMissing, later } from "./disk.ts";
import { isGone, parseOwner } from "./owner.ts";
import { isLeft, ownerFile } from "./session-name.ts";

/** A session untouched for so many looks is dead. */
const staleLooks = 12;

/**
 * Watches the other sessions of a spill directory, and tells which of them are dead: left by their process,
 * or their process is gone, or their owner file does not change any more.
 *
 * Whether it changes is counted in looks and not in time, so that no clock can make the living look dead, and
 * neither can a pause of this process. A living one that touches too seldom may be taken for dead all the same;
 * it notices.
 */
export class Neighbours {
  readonly #root: string;
  readonly #seen = new Map<string, { text: string; unchanged: number }>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Looks once; to be called at the interval at which sessions are touched. Answers the names of the dead,
   * oldest first; `own` is left out.
   *
   * @throws Error of `node:fs`.
   */
  async look(own: string | undefined): Promise<string[]> {
    const { sessions } = await later(contentsOf(this.#root));
    const others = sessions.filter((name) => join(this.#root, name) !== own);
    for (const name of this.#seen.keys()) if (!others.includes(name)) this.#seen.delete(name);
    const dead: string[] = [];
    for (const name of others) if (isLeft(name) || (await this.#isDead(name))) dead.push(name);
    return dead;
  }

  async #isDead(name: string): Promise<boolean> {
    const path = join(this.#root, name, ownerFile);
    const text = await readOwner(path);
    if (text === undefined) return false;
    const owner = parseOwner(text);
    if (owner !== undefined && isGone(owner)) return true;
    const before = this.#seen.get(name);
    const unchanged = before?.text === text ? before.unchanged + 1 : 0;
    this.#seen.set(name, { text, unchanged });
    return unchanged >= staleLooks;
  }
}

/** The text of an owner file, empty if there is none; undefined if it is another user's. */
async function readOwner(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    if (["EACCES", "EPERM"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}
