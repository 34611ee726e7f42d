// @ts-check
// What is seen on the canvas: screenshots decoded by a blank page of the same browser.

/** @typedef {{ width: number, height: number, data: number[] }} Picture */

export class Eyes {
  /** @param {import("playwright-core").Page} blank */
  constructor(blank) {
    this.blank = blank;
  }

  /** @param {import("playwright-core").Page} page @param {string} selector @returns {Promise<Picture>} */
  async see(page, selector = "#picture") {
    const png = await page.locator(selector).screenshot({ animations: "disabled", timeout: 120_000 });
    return this.blank.evaluate(async (/** @type {string} */ text) => {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      if (context === null) throw new Error("no canvas");
      context.drawImage(bitmap, 0, 0);
      const { width, height, data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      return { width, height, data: [...data] };
    }, png.toString("base64"));
  }
}

/** Pixels that satisfy a test of red, green and blue: how many, and where their middle is, 0 to 1. @param {Picture} p @param {(r: number, g: number, b: number) => boolean} test */
export function where(p, test) {
  let [n, x, y] = [0, 0, 0];
  for (let i = 0, at = 0; i < p.data.length; i += 4, at++) {
    if (test(p.data[i] ?? 0, p.data[i + 1] ?? 0, p.data[i + 2] ?? 0)) {
      n += 1;
      x += at % p.width;
      y += Math.floor(at / p.width);
    }
  }
  return { n, x: n === 0 ? NaN : x / n / p.width, y: n === 0 ? NaN : y / n / p.height };
}

/** The overlay of the glioma: orange over grey. */
export const isOverlay = (/** @type {number} */ r, /** @type {number} */ g, /** @type {number} */ b) => r - b > 45 && r - g > 35;

/** Letters at the edges: pale yellow. */
export const isLetter = (/** @type {number} */ r, /** @type {number} */ g, /** @type {number} */ b) => r > 200 && g > 180 && b > 90 && b < 190;

/** The letter in the outer eighth of a picture, trimmed, as rows of 0 and 1. @param {Picture} p @param {"left" | "right"} side */
export function letter(p, side) {
  const from = side === "left" ? 0 : Math.floor(p.width * 0.875);
  const to = side === "left" ? Math.floor(p.width * 0.125) : p.width;
  /** @type {number[][]} */
  const on = [];
  for (let y = 0; y < p.height; y++) {
    for (let x = from; x < to; x++) {
      const i = 4 * (y * p.width + x);
      if (isLetter(p.data[i] ?? 0, p.data[i + 1] ?? 0, p.data[i + 2] ?? 0)) on.push([x, y]);
    }
  }
  if (on.length === 0) return "";
  const [x0, y0] = [Math.min(...on.map((q) => q[0] ?? 0)), Math.min(...on.map((q) => q[1] ?? 0))];
  const [w, h] = [Math.max(...on.map((q) => q[0] ?? 0)) - x0 + 1, Math.max(...on.map((q) => q[1] ?? 0)) - y0 + 1];
  const rows = Array.from({ length: h }, () => Array(w).fill("."));
  for (const [x = 0, y = 0] of on) (rows[y - y0] ?? [])[x - x0] = "#";
  return rows.map((r) => r.join("")).join("\n");
}

/** The part of places in which two glyphs of about the same size differ; 1 if they do not. @param {string} a @param {string} b */
export function unlike(a, b) {
  const [ra, rb] = [a.split("\n"), b.split("\n")];
  const [h, w] = [Math.max(ra.length, rb.length), Math.max(ra[0]?.length ?? 0, rb[0]?.length ?? 0)];
  if (a === "" || b === "") return 1;
  let differ = 0;
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) if ((ra[y]?.[x] ?? ".") !== (rb[y]?.[x] ?? ".")) differ += 1;
  return differ / (w * h);
}

/** How many pixels differ by more than `by` in some colour. @param {Picture} a @param {Picture} b */
export function changed(a, b, by = 24) {
  let n = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    if ([0, 1, 2].some((c) => Math.abs((a.data[i + c] ?? 0) - (b.data[i + c] ?? 0)) > by)) n += 1;
  }
  return n;
}
