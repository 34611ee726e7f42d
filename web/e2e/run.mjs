// @ts-check
// The page against the real binary in a headless Chromium: npm run e2e -- --binary ../target/release/omnimri
// Exits with 1 if anything is not as it should be; screenshots of simulated scans go to --out (default e2e/out).

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { Bench } from "./bench.mjs";
import { inputs, start } from "./server.mjs";
import * as accessible from "./steps/accessible.mjs";
import * as asking from "./steps/asking.mjs";
import * as correcting from "./steps/correcting.mjs";
import * as dicom from "./steps/dicom.mjs";
import * as kspace from "./steps/kspace.mjs";
import * as pictures from "./steps/pictures.mjs";
import * as reading from "./steps/reading.mjs";
import * as sides from "./steps/sides.mjs";

const { values } = parseArgs({
  options: {
    binary: { type: "string", default: "../target/release/omnimri" },
    chromium: { type: "string", default: process.env["CHROMIUM"] ?? "/usr/bin/chromium" },
    out: { type: "string", default: "e2e/out" },
    port: { type: "string" },
    only: { type: "string" },
  },
});

const steps = { reading, asking, correcting, sides, dicom, kspace, accessible, pictures };
const out = resolve(values.out);
mkdirSync(out, { recursive: true });
const server = await start(resolve(values.binary), values.port === undefined ? null : Number(values.port));
let failed = 0;
try {
  const files = inputs(resolve(values.binary), server.folder);
  const browser = await chromium.launch({
    executablePath: values.chromium,
    args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
  });
  try {
    for (const [name, step] of Object.entries(steps)) {
      if (values.only !== undefined && !values.only.split(",").includes(name)) continue;
      const bench = new Bench({ browser, url: server.url, files, out, name });
      const began = Date.now();
      try {
        await step.run(bench);
      } catch (error) {
        bench.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      await bench.close();
      failed += bench.failures.length;
      const seconds = ((Date.now() - began) / 1000).toFixed(0);
      console.log(`${bench.failures.length === 0 ? "ok  " : "FAIL"} ${name} (${bench.checked} checks, ${seconds} s)`);
      for (const failure of bench.failures) console.log(`     ${failure}`);
    }
  } finally {
    await browser.close();
  }
} finally {
  await server.stop();
}
console.log(failed === 0 ? "all as it should be" : `${failed} failures`);
process.exitCode = failed === 0 ? 0 : 1;
