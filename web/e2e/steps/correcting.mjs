// @ts-check
// A person paints, accepts, renames; versions supersede one another; the prediction stays; training data is marked.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page();
  await bench.open(page, bench.files.head);
  const job = await bench.job(page);
  const bytes = async (/** @type {string} */ path) => {
    const text = await page.evaluate(async (p) => {
      const reply = await fetch(p);
      if (!reply.ok) return null;
      const data = new Uint8Array(await reply.arrayBuffer());
      let out = "";
      for (let at = 0; at < data.length; at += 0x8000) out += String.fromCharCode(...data.subarray(at, at + 0x8000));
      return btoa(out);
    }, path);
    return text === null ? null : Buffer.from(text, "base64");
  };
  const labels = async (/** @type {number} */ version) => gunzipSync((await bytes(`/v1/jobs/${job}/versions/${version}/files/segmentation.nii.gz`)) ?? Buffer.alloc(0)).subarray(352);
  const predicted = await bytes(`/v1/jobs/${job}/versions/0/files/segmentation.nii.gz`);
  bench.check(predicted !== null && predicted.length > 0, "version 0 is the prediction");

  // Paint a stroke with the lesion's label, away from the lesion.
  await page.locator("#tab-correct").click();
  await page.locator("#paint").click();
  await page.locator("button[data-pen='9']").click();
  const box = await page.locator("#picture").boundingBox();
  if (box === null) throw new Error("no picture");
  const [x, y] = [box.x + box.width * 0.42, box.y + box.height * 0.4];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 20, y + 4, { steps: 5 });
  await page.mouse.up();
  await bench.settle(page);
  await bench.shot(page, "paint");
  await page.locator("[data-label='accept-f0']").click();
  await page.locator("#author").fill("Dr Test Reader");
  await page.locator("#note").fill("outline extended");
  await page.locator("#save").click();
  await page.waitForSelector(".versions li.current:has-text('Version 1')");
  bench.check(/Dr Test Reader/.test(await page.locator(".versions li.current").innerText()), "a version says who");
  bench.check(/Preliminary/.test(await page.locator("#standing").innerText()), "a correction alone does not accept the report");
  const [before, after] = [await labels(0), await labels(1)];
  const count = (/** @type {Buffer} */ b) => b.reduce((n, v) => n + (v === 9 ? 1 : 0), 0);
  const differ = before.reduce((n, v, i) => n + (v === after[i] ? 0 : 1), 0);
  bench.check(before.length === after.length && count(after) > count(before), `painting adds voxels (${count(before)} to ${count(after)})`);
  bench.check(differ === count(after) - count(before), "painting changes nothing but the stroke, in the file's own order of voxels");
  const same = await bytes(`/v1/jobs/${job}/versions/0/files/segmentation.nii.gz`);
  bench.check(predicted !== null && same !== null && predicted.equals(same), "the prediction is not changed");

  // Somebody else corrected in between: refused, and said so.
  const conflict = await page.evaluate(async (id) => {
    const body = JSON.stringify({ author: "Late", supersedes: 0, findings: [{ id: "f0", action: "reject" }] });
    return (await fetch(`/v1/jobs/${id}/versions`, { method: "POST", headers: { "Content-Type": "application/json" }, body })).status;
  }, job);
  bench.check(conflict === 409, `a correction of an older version is refused (${conflict})`);
  const wrong = await page.evaluate(async (id) => {
    const body = JSON.stringify({ author: "Late", segmentation: "AAAA" });
    return (await fetch(`/v1/jobs/${id}/versions`, { method: "POST", headers: { "Content-Type": "application/json" }, body })).status;
  }, job);
  bench.check(wrong === 422, `labels that are none are refused (${wrong})`);

  // Rejected: struck out, out of the impression, out of the picture.
  await page.locator("[data-label='reject-f0']").click();
  await page.locator("#save").click();
  await page.waitForSelector(".versions li.current:has-text('Version 2')");
  await page.locator("#tab-report").click();
  bench.check(await page.locator(".finding.rejected").count() === 1, "a rejected finding is struck out");
  bench.check(!/glioma/.test(await page.locator(".section.impression").innerText()), "a rejected finding does not stand in the impression");
  bench.check(/rejected/.test(await page.locator(".section.held").innerText()), "it is said why");

  // Renamed and accepted by a named person.
  await page.locator("#tab-correct").click();
  await page.locator("[data-label='name-f0']").fill("metastasis");
  await page.locator("[data-label='name-f0']").press("Tab");
  await page.locator("#accepts").check();
  await page.locator("#save").click();
  await page.waitForSelector(".versions li.current:has-text('Version 3')");
  bench.check(/Accepted by Dr Test Reader/.test(await page.locator("#standing").innerText()), "accepted by a named person");
  await bench.shot(page, "versions");

  // After a reload it is still so.
  await page.reload();
  await page.waitForSelector("#standing");
  bench.check(/Accepted by Dr Test Reader/.test(await page.locator("#standing").innerText()), "what was accepted stays accepted");
  bench.check(/metastasis/.test(await page.locator(".finding[data-finding='0']").innerText()), "what was renamed stays renamed");
  await page.locator("#tab-files").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#training").click()]);
  const zip = readFileSync(await download.path()).toString("latin1");
  for (const name of ["NEVER_IN_VALIDATION", "prediction/segmentation.nii.gz", "prediction/result.json", "labels.nii.gz", "versions/0003/version.json", "never_in_validation\": true"]) {
    bench.check(zip.includes(name), `training data holds ${name}`);
  }
}
