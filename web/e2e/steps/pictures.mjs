// @ts-check
// The pictures of the documentation: simulated scans only.

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const page = await bench.page({ width: 1280, height: 800 });
  await bench.open(page, bench.files.fine, "planes");
  await page.waitForTimeout(2000);
  await page.locator(".section.findings .sentence").first().hover();
  await bench.settle(page);
  await bench.shot(page, "viewer");
  const phone = await bench.page({ width: 390, height: 844 });
  await phone.goto(page.url());
  await phone.reload();
  await phone.waitForSelector("#standing");
  await bench.view(phone, "axial");
  await bench.shot(phone, "viewer-phone");
  await bench.shot(phone, "viewer-phone-full", true);
}
