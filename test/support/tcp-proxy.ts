import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";

/**
 * What becomes of bytes on their way: handed on, lost with the connection, or held for ever, all of them or
 * those behind so many.
 */
export type Fate = "pass" | "cut" | "hold" | { readonly holdAfter: number };

/** A proxy between a server and its PostgreSQL, to break the connection at the right byte. */
export interface TcpProxy extends AsyncDisposable {
  /** The database's URL through the proxy. */
  readonly url: string;
  /** Connections open now. */
  readonly connections: number;
  /** How many of them are held. */
  readonly held: number;
  /** Judges what the client sends; by default everything passes. */
  fromClient: (bytes: Buffer) => Fate;
  /** Judges what PostgreSQL answers. */
  fromServer: (bytes: Buffer) => Fate;
  /** Breaks every connection. */
  cut(): void;
}

/** Starts a proxy to the PostgreSQL of a URL. Dispose breaks what is open. */
export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<{ client: Socket; server: Socket; held: boolean }>();
  const proxy = net.createServer((client) => {
    const server = net.connect(Number(target.port || 5432), target.hostname);
    const pair = { client, server, held: false };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    const forward = (from: Socket, to: Socket, judge: (bytes: Buffer) => Fate) => {
      from.on("error", end).on("close", end);
      from.on("data", (bytes: Buffer) => {
        const fate = pair.held ? "hold" : judge(bytes);
        if (fate === "pass") to.write(bytes);
        else if (fate === "cut") end();
        else {
          pair.held = true;
          if (fate !== "hold") to.write(bytes.subarray(0, fate.holdAfter));
        }
      });
    };
    forward(client, server, (bytes) => self.fromClient(bytes));
    forward(server, client, (bytes) => self.fromServer(bytes));
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((proxy.address() as AddressInfo).port);
  const self: TcpProxy = {
    url: url.href,
    get connections() {
      return pairs.size;
    },
    get held() {
      return [...pairs].filter(({ held }) => held).length;
    },
    fromClient: () => "pass",
    fromServer: () => "pass",
    cut: () => {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(proxy, "close");
      proxy.close();
      self.cut();
      await closed;
    },
  };
  return self;
}
