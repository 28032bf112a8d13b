/** Where the page begins. */
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { takeHandOver } from "./session/hand-over.ts";
import { noteMissingParts } from "./states/missing-part.ts";

// First of all: the token must not stay in the address.
const handOver = takeHandOver(window);
noteMissingParts();
const place = document.getElementById("page");
if (place === null) throw new Error("index.html has no place for the page");
createRoot(place).render(<App handOver={handOver} />);
