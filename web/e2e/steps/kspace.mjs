// @ts-check
// K-space: the reconstruction beside the zero-filled image, parted by a line that moves.

import { changed, see } from "../pixels.mjs";

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page();
  await bench.open(page, bench.files.kspace, null);
  bench.check(await page.locator("#geometry-banner").isVisible(), "raw samples without a header give no millimetres");
  await page.locator("#compare").click();
  await page.waitForSelector("dialog.compare canvas");
  await page.waitForTimeout(1500);
  await bench.settle(page);
  const set = async (/** @type {string} */ part) => {
    await page.locator("#parting").fill(part);
    await bench.settle(page);
    return see(page, ".over");
  };
  const [mostly, little] = [await set("5"), await set("95")];
  bench.check(changed(mostly, little, 12) > 2000, "the two images differ, and the line parts them");
  await set("50");
  await bench.shot(page, "compare");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog.compare", { state: "detached" });
  bench.check(await page.locator("#compare").isVisible(), "Esc closes the comparison");
}
