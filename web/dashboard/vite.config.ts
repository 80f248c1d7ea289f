import { defineConfig } from "vite";

/** What every page needs before it shows anything, in one piece: apart it compresses worse. */
const FIRST =
  /node_modules\/(?!uplot)|src\/(main|format\/|api\/(json|http|documents|stream|feed|environment)|state\/(clock|fleet|pacer|ranking|router|settings|viewer|logs|range)|ui\/(app|fleet_|frame|shell|live|notes|lazy|shape|keys|media|memo|money|sign_in|standing|virtual|range_bar|dock))/;

export default defineConfig({
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    // Every byte from a file of our own, so that a strict Content-Security-Policy holds.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { output: { advancedChunks: { groups: [{ name: "first", test: FIRST }] } } },
  },
});
