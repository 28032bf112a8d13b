import { measureFirstView } from "./dashboard/first-view.ts";
import { measureLive } from "./dashboard/live.ts";
import { runParts, type Suite } from "./suite.ts";

/** What the page costs the browser that shows it. */
export const dashboard: Suite = {
  name: "dashboard",
  description: "the page in a browser: until it is usable; frames a second and memory while live",
  run: (setting) => runParts(setting, { "first view": measureFirstView, live: measureLive }),
};
