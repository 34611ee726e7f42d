// @ts-check
// Sides: letters, overlay and report follow the affine; where there is none to trust, nothing is said of sides or millimetres.

import { isOverlay, letter, see, unlike, where } from "../pixels.mjs";

/** @param {import("../bench.mjs").Bench} bench */
export async function run(bench) {
  const look = async (/** @type {string} */ file) => {
    const page = await bench.page();
    await bench.open(page, file);
    const picture = await see(page);
    const report = (await page.locator(".section.findings").innerText()) + (await page.locator(".finding[data-finding='0']").innerText());
    return { page, picture, report };
  };
  const plain = await look(bench.files.head);
  const flipped = await look(bench.files.flipped);
  // In radiological convention the patient's left is on the right of the picture.
  bench.check(where(plain.picture, isOverlay).x > 0.5, "a lesion of the patient's left is on the right of the picture");
  bench.check(/patient's left/.test(plain.report) && /patient left/.test(plain.report), `the report says left: ${plain.report}`);
  bench.check(where(flipped.picture, isOverlay).x < 0.5, "with the affine flipped, the overlay is on the other side");
  bench.check(/patient's right/.test(flipped.report) && /patient right/.test(flipped.report), `and the report says right: ${flipped.report}`);
  const [r, l] = [letter(plain.picture, "left"), letter(plain.picture, "right")];
  bench.check(r !== "" && l !== "" && unlike(r, l) > 0.15, "two different letters stand at the sides");
  bench.check(unlike(letter(flipped.picture, "left"), r) < 0.1, "the letter on the left is R whatever the order of voxels");
  await bench.shot(flipped.page, "flipped");

  // The other convention turns picture and letters together.
  await plain.page.locator("#convention").click();
  await bench.settle(plain.page);
  const turned = await see(plain.page);
  bench.check(where(turned, isOverlay).x < 0.5, "neurological convention turns the picture");
  bench.check(unlike(letter(turned, "left"), l) < 0.1, "and the letter on the left is then L");
  bench.check(/Neurological/.test(await plain.page.locator("#convention").innerText()), "the switch says which convention is shown");

  const unknown = await look(bench.files.untrusted);
  const { page } = unknown;
  bench.check(await page.locator("#geometry-banner").isVisible(), "a banner says that the geometry is not trusted");
  bench.check(/not trusted because/.test(await page.locator("#geometry-banner").innerText()), "and why");
  bench.check(letter(unknown.picture, "left") === "" && letter(unknown.picture, "right") === "", "no letters are shown");
  bench.check(await page.locator("button[data-tool=measure]").isDisabled(), "millimetres are off");
  bench.check(!(await page.locator("#convention").isVisible()), "there is no convention to choose");
  bench.check(!/ mm| mL|patient/.test(unknown.report), `the report names no side and no millimetre: ${unknown.report}`);
  // Shown as stored: the lesion was written into the right half.
  bench.check(where(unknown.picture, isOverlay).x > 0.5, "the image is shown as it is stored");
  await bench.shot(page, "untrusted");
}
