import { expect, test } from "vitest";
import { Turns } from "../../src/store/turns.ts";

test("who takes all turns and waits for more is not served before others who come later", async () => {
  const turns = new Turns({ running: 2, waiting: 9, refusal: () => new Error("too many") });
  const begun: string[] = [];
  const [first, second] = [await turns.take("many"), await turns.take("many")];
  const take = async (owner: string) => {
    const turn = await turns.take(owner);
    begun.push(owner);
    return turn;
  };
  const later = [take("many"), take("many"), take("one"), take("many"), take("other")];
  first?.[Symbol.dispose]();
  await expect.poll(() => begun).toEqual(["one"]);
  second?.[Symbol.dispose]();
  await expect.poll(() => begun).toEqual(["one", "many"]);
  (await later[2])?.[Symbol.dispose]();
  await expect.poll(() => begun).toEqual(["one", "many", "other"]);
  (await later[0])?.[Symbol.dispose]();
  (await later[4])?.[Symbol.dispose]();
  await expect.poll(() => begun).toEqual(["one", "many", "other", "many", "many"]);
});
