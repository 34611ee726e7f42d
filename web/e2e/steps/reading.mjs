// @ts-check
// Upload, progress, findings, overlay on the canvas, jumping, evidence, window, measuring, files.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { changed, isOverlay, see, where } from "../pixels.mjs";

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page();
  bench.check(await page.getByText("Drop a scan here").isVisible(), "an empty page invites a scan");
  bench.check(await page.locator("html").getAttribute("data-theme") === "dark", "dark by default");
  await page.evaluate(() => {
    const seen = /** @type {string[]} */ ([]);
    Object.assign(window, { seen });
    const live = document.querySelector("[aria-live=polite].sr-only");
    new MutationObserver(() => seen.push(live?.textContent ?? "")).observe(live ?? document.body, { childList: true });
  });
  await bench.open(page, bench.files.head);
  const told = await page.evaluate(() => /** @type {any} */ (window).seen.join("|"));
  bench.check(/Sending head\.nii\.gz/.test(told) && /head\.nii\.gz is open/.test(told), `progress is told to screen readers: ${told}`);
  bench.check(/Preliminary/.test(await page.locator("#standing").innerText()), "preliminary until a person accepts");

  const result = await bench.json(page, `/v1/jobs/${await bench.job(page)}/result`);
  const finding = result.findings[0];
  bench.check(finding?.label === "glioma", "the simulated lesion is found");
  bench.check((await page.locator(".finding[data-finding]").count()) === result.findings.length, "every finding is listed");

  // The overlay is seen, and gone when it is switched off.
  const on = await see(page);
  bench.check(where(on, isOverlay).n > 200, `the overlay is on the canvas (${where(on, isOverlay).n} pixels)`);
  await page.locator("#overlay").uncheck();
  await bench.settle(page);
  const off = await see(page);
  bench.check(where(off, isOverlay).n < 20, `the overlay is gone (${where(off, isOverlay).n} pixels)`);
  bench.check(changed(on, off) > 200, "switching the overlay changes the canvas");
  await page.locator("#overlay").check();
  await page.locator("#opacity").fill("0.1");
  await bench.settle(page);
  const faint = await see(page);
  bench.check(where(faint, isOverlay).n < where(on, isOverlay).n / 2, "a weak overlay is weak");
  await page.locator("#opacity").fill("0.55");
  await page.locator("[data-label=f0]").uncheck();
  await bench.settle(page);
  bench.check(where(await see(page), isOverlay).n < 20, "a label can be switched off by itself");
  await page.locator("[data-label=f0]").check();

  // Away from the lesion, and back by the list.
  await page.locator("#picture").focus();
  for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowDown");
  await bench.settle(page);
  const slice = async () => Number(/slice (\d+) of/.exec(await page.locator("#where").innerText())?.[1] ?? NaN);
  const away = await slice();
  bench.check(away - 1 < finding.box[2], `the arrow keys leave the lesion (slice ${away})`);
  bench.check(where(await see(page), isOverlay).n < 20, "no overlay where nothing was outlined");
  await page.locator(".finding[data-finding='0']").click();
  await page.mouse.move(5, 5);
  await bench.settle(page);
  const there = await slice();
  bench.check(there - 1 >= finding.box[2] && there - 1 < finding.box[5], `a finding jumps to its slice (${there})`);
  bench.check(/glioma/.test(await page.locator("#where").innerText()), "the crosshair stands in the lesion");

  // Sentences and what they rest on.
  const sentences = page.locator(".sentence:not(.doubtful)");
  const words = (await sentences.allInnerTexts()).map((t) => t.trim());
  const verified = result.report.facts.filter((/** @type {any} */ f) => f.verified);
  bench.check(words.length >= verified.length && words.length > 0, "every sentence of the report can be pointed at");
  await page.locator(".section.findings .sentence").first().hover();
  bench.check(await page.locator(".finding.lit").count() === 1, "a sentence lights up its finding");
  bench.check(/Rests on/.test(await page.locator(".evidence").innerText()), "and says what it rests on");
  await bench.shot(page, "evidence");
  await page.mouse.move(5, 5);
  const doubtful = result.report.facts.find((/** @type {any} */ f) => !f.verified);
  if (doubtful !== undefined) {
    const stands = await page.locator(".section.impression, .section.findings").allInnerTexts();
    bench.check(!stands.join(" ").includes(doubtful.claim), "what was not confirmed does not stand in the report");
  }

  // Window and level, and a distance.
  const before = await see(page);
  await page.getByLabel("Brightest value").fill("0.2");
  await page.getByLabel("Brightest value").press("Enter");
  await bench.settle(page);
  bench.check(changed(before, await see(page)) > 2000, "the window changes the canvas");
  await page.locator("#picture").focus();
  await page.keyboard.press("r");
  await bench.settle(page);
  bench.check(changed(before, await see(page)) < 500, "R brings the window back");
  await page.keyboard.press("m");
  const box = await page.locator("#picture").boundingBox();
  if (box !== null) {
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width * 0.4, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
    await page.mouse.move(box.x + box.width * 0.6, y, { steps: 4 });
    await page.mouse.up();
  }
  await page.waitForSelector(".length");
  const mm = Number(/([\d.]+) mm/.exec(await page.locator(".length").innerText())?.[1]);
  bench.check(mm > 10 && mm < 300, `a distance in millimetres (${mm})`);
  await page.keyboard.press("x");

  // Shortcuts and themes.
  await page.keyboard.press("?");
  bench.check(await page.locator("dialog.help").isVisible(), "? shows the shortcuts");
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  bench.check(await page.locator("html").getAttribute("data-theme") === "light", "light by a switch");
  await page.keyboard.press("t");

  // Taking files away.
  await page.locator("#tab-files").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("a[download='segmentation.nii.gz']").click()]);
  const bytes = gunzipSync(readFileSync(await download.path()));
  bench.check(bytes.subarray(352).some((v) => v === finding.value), "the label map that is downloaded holds the lesion");

  // The address brings the study back.
  await page.reload();
  await page.waitForSelector("#standing");
  bench.check(await page.locator(".finding[data-finding='0']").isVisible(), "the address brings the study back");
}
