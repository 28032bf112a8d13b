import { measureLive } from "./dashboard/live.ts";
import { runParts, type Suite } from "./suite.ts";

/** What the page costs the browser that shows it. */
export const dashboard: Suite = {
  name: "dashboard",
  description: "the page in a browser: frames a second and memory while it follows live",
  run: (setting) => runParts(setting, { live: measureLive }),
};
