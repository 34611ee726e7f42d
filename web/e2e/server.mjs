// @ts-check
// The binary under test, with a store of its own, and the simulated inputs it makes.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { series } from "./dicom.mjs";
import { readSlice, volume } from "./volume.mjs";

const START_MS = 180_000;

/** @returns {Promise<number>} a port that was free a moment ago */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** @param {string} binary @param {number | null} port */
export async function start(binary, port) {
  const folder = mkdtempSync(join(tmpdir(), "omnimri-e2e-"));
  const at = port ?? (await freePort());
  const child = spawn(binary, ["serve", "--listen", `127.0.0.1:${at}`, "--data", join(folder, "store")], { stdio: ["ignore", "inherit", "inherit"] });
  let ended = false;
  child.on("exit", () => (ended = true));
  const stop = async () => {
    if (!ended) {
      child.kill("SIGINT");
      await new Promise((done) => {
        child.on("exit", done);
        setTimeout(() => child.kill("SIGKILL"), 20_000).unref();
      });
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${at}`;
  const began = Date.now();
  for (;;) {
    if (ended) throw new Error("the server ended before it answered");
    if (Date.now() - began > START_MS) throw new Error("the server does not answer");
    const alive = await fetch(`${url}/health`).then((r) => r.ok, () => false);
    if (alive) break;
    await new Promise((r) => setTimeout(r, 200));
  }
  return { url, folder, stop };
}

/** Simulated scans only. @param {string} binary @param {string} folder */
export function inputs(binary, folder) {
  const demo = join(folder, "demo");
  execFileSync(binary, ["demo", "--out", demo], { stdio: "ignore" });
  const slice = readSlice(join(demo, "demo", "reconstruction.nii.gz"));
  mkdirSync(join(folder, "inputs"));
  const write = (/** @type {string} */ name, /** @type {Parameters<typeof volume>[1]} */ options) => {
    const path = join(folder, "inputs", name);
    writeFileSync(path, volume(slice, options));
    return path;
  };
  const dicom = (/** @type {Parameters<typeof volume>[1]} */ options) =>
    series(gunzipSync(volume(slice, options))).map((bytes, k) => {
      const path = join(folder, "inputs", `slice_${String(k + 1).padStart(2, "0")}.dcm`);
      writeFileSync(path, bytes);
      return path;
    });
  const small = { slices: 14, step: 2 };
  return {
    kspace: join(demo, "demo", "kspace.npy"),
    head: write("head.nii.gz", small),
    flipped: write("head_flipped.nii.gz", { ...small, flipX: true }),
    untrusted: write("head_untrusted.nii.gz", { ...small, trusted: false }),
    dicom: dicom(small),
    fine: write("simulated_head.nii.gz", { slices: 40, step: 1 }),
  };
}
