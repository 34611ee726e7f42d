import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// `npm run dev` talks to a server at OMNIMRI (default http://127.0.0.1:8080).
const server = process.env["OMNIMRI"] ?? "http://127.0.0.1:8080";
const proxied = { target: server, changeOrigin: true, headers: { origin: server } };
const stub = fileURLToPath(new URL("src/viewer/no_codec.ts", import.meta.url));

export default defineConfig({
  resolve: {
    // Codecs of a format that the server never sends; a third of the bundle.
    alias: { "numcodecs/blosc": stub, "numcodecs/lz4": stub, "numcodecs/zstd": stub },
  },
  build: {
    target: "es2022",
    // The drawing engine is one chunk, loaded from this machine when the first image is shown.
    chunkSizeWarningLimit: 1500,
    // Pictures stay files of the same origin.
    assetsInlineLimit: 0,
    rolldownOptions: { checks: { bundlerTimings: false } },
    // Whose work the bundle holds, under which terms.
    license: { fileName: "assets/licences.md" },
  },
  server: { host: "127.0.0.1", proxy: { "/v1": proxied, "/health": proxied } },
});
