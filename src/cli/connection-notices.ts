/** What a command that outlives its connection says about it. */
import type { ConnectionState } from "../client/retry.ts";
import { headline } from "./failure.ts";
import { warn } from "./output.ts";
import { plainText } from "./plain-text.ts";

/** Failures in a row after which a command that has an end gives up: about a minute. */
export const patience = 20;

/** Says once that the connection is lost, and once that it is back. */
export function connectionNotices(
  url: string,
  say: (line: string) => void = warn,
): (state: ConnectionState) => void {
  let down = false;
  return (state) => {
    if (state.connected) {
      if (down) say("annals: connected again");
    } else if (!down) {
      const reason = plainText(headline(state.error));
      say(`annals: not connected to ${url} (${reason}); trying again`);
    }
    down = !state.connected;
  };
}
