// @ts-check
// A question, its answer, and how the answer stands to what was measured.

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page();
  await bench.open(page, bench.files.head);
  await page.keyboard.press("q");
  await page.locator("#question").fill("Is there a tumour?");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".answer:not(.waiting)");
  const answer = await page.locator(".answer").last().innerText();
  bench.check(/glioma|yes|mass|tumou?r/i.test(answer), `an answer about the image: ${answer}`);
  bench.check((await page.locator(".answer .tag").count()) === 1, "the answer says how it was checked");
  bench.check(/Is there a tumour/.test(await page.locator(".asked").innerText()), "the question stays above its answer");
  await bench.shot(page, "ask");
}
