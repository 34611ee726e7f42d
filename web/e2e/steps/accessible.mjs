// @ts-check
// axe-core on every panel, in both themes, on a wide window and on a phone; the order of the focus.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  for (const viewport of [{ width: 1280, height: 720 }, { width: 390, height: 844 }]) {
    const page = await bench.page(viewport);
    const inspect = async (/** @type {string} */ what) => {
      // Run by the debugger, as the page's own policy forbids scripts from elsewhere.
      await page.evaluate(axe);
      const found = await page.evaluate(async () => {
        const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] });
        return violations.map((/** @type {any} */ v) => ({ id: v.id, impact: v.impact, at: v.nodes.slice(0, 3).map((/** @type {any} */ n) => n.target.join(" ")) }));
      });
      const serious = found.filter((/** @type {any} */ v) => v.impact === "serious" || v.impact === "critical");
      bench.check(serious.length === 0, `${what}, ${viewport.width} wide: ${JSON.stringify(serious)}`);
      for (const v of found) if (!serious.includes(v)) console.log(`     note: ${what}, ${viewport.width} wide: ${v.id} (${v.impact}) at ${v.at.join(", ")}`);
    };
    await inspect("empty page");
    await page.keyboard.press("Tab");
    bench.check(await page.evaluate(() => document.activeElement?.classList.contains("skip")), "the first stop leads to the picture");
    await bench.open(page, bench.files.head);
    for (const theme of ["dark", "light"]) {
      await page.evaluate((t) => (document.documentElement.dataset["theme"] = t), theme);
      for (const tab of ["report", "ask", "correct", "files"]) {
        await page.locator(`#tab-${tab}`).click();
        await inspect(`${tab}, ${theme}`);
      }
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    bench.check(!wide, `nothing sticks out at ${viewport.width}`);
    await page.locator("#help").click();
    await inspect("help");
    await page.keyboard.press("Escape");
  }
}
