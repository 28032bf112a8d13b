import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Readable, Transform } from "node:stream";
import { setImmediate, setTimeout } from "node:timers/promises";
import { surroundings } from "../../../src/client/context/surroundings.ts";

/** How many requests are made, at most a hundred at a time over kept connections. */
export const hammerBlows = 1_000;

/** The actor of the blow, as its middleware is to find it. */
export function actorOf(headers: IncomingMessage["headers"]) {
  return { type: "service", id: String(headers["x-actor"]) } as const;
}

/** Whose actor an entry recorded here would have. */
export function actorHere(): string | undefined {
  return surroundings().actor?.id;
}

/** Whose actor is seen at each turn of some work of every asynchronous kind. */
export async function seenWhileWorking(): Promise<(string | undefined)[]> {
  const seen = [actorHere()];
  const see = () => seen.push(actorHere());
  await setTimeout(Math.random() * 5);
  see();
  await Promise.all([setImmediate().then(see), Promise.resolve().then(see)]);
  await new Promise<void>((resolve) => process.nextTick(() => resolve(void see())));
  const upper = new Transform({
    transform(chunk, _encoding, done) {
      see();
      globalThis.setTimeout(done, 1, undefined, chunk);
    },
  });
  for await (const _chunk of Readable.from(["a", "b"]).pipe(upper)) see();
  see();
  return seen;
}

/** Makes the requests; answers those whose answer named anyone but their own actor, and the counts. */
export async function hammer(url: string): Promise<{ wrong: unknown[]; fewest: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const wrong: unknown[] = [];
  let fewest = Number.POSITIVE_INFINITY;
  await Promise.all(
    Array.from({ length: hammerBlows }, async (_none, index) => {
      const id = `actor-${index}`;
      const seen = await blow(url, agent, id);
      fewest = Math.min(fewest, seen.length);
      if (seen.some((actor) => actor !== id)) wrong.push({ id, seen });
    }),
  );
  agent.destroy();
  return { wrong, fewest };
}

function blow(url: string, agent: Agent, id: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const headers = { "x-actor": id, "content-type": "application/json" };
    const request = httpRequest(url, { agent, method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    request.on("error", reject);
    // In two parts, so that the body ends on another turn than the request began.
    request.write("[1,");
    globalThis.setTimeout(() => request.end("2]"), Math.random() * 5);
  });
}
