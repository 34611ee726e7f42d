// @ts-check
// A DICOM series of several files: one study, and its segmentation taken away as DICOM SEG.

import { readFileSync } from "node:fs";

/** Segmentation Storage. */
const SEG = "1.2.840.10008.5.1.4.1.1.66.4";

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page();
  await bench.open(page, bench.files.dicom);
  bench.check(/glioma/.test(await page.locator(".finding[data-finding='0']").innerText()), "several files are read as one series");
  bench.check(/patient left/.test(await page.locator(".finding[data-finding='0']").innerText()), "with its sides");
  await page.locator("#tab-files").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("a[download='segmentation.dcm']").click()]);
  const bytes = readFileSync(await download.path());
  bench.check(bytes.subarray(128, 132).toString() === "DICM" && bytes.includes(SEG), "the segmentation is a DICOM SEG");
}
