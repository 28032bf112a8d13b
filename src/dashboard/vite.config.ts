/** How the page is bundled. `build.ts` builds it, `dev.ts` serves it while one works on it. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const defaultUrl = "http://127.0.0.1:8080";

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // Of the development server: everything that is no file of the page is the Annals server's.
  server: {
    proxy: {
      "^/(audit\\.v1\\.|grpc\\.|healthz|readyz|metrics)": process.env.ANNALS_URL ?? defaultUrl,
    },
  },
  build: {
    target: "es2022",
    // The content security policy lets nothing come from a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
