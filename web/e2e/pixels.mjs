// @ts-check
// What is seen on the canvas: screenshots, decoded.

import { inflateSync } from "node:zlib";

/** @typedef {{ width: number, height: number, data: Uint8Array }} Picture red, green, blue and one byte more a pixel */

/** @param {import("playwright-core").Page} page @param {string} selector @returns {Promise<Picture>} */
export async function see(page, selector = "#picture") {
  return decode(await page.locator(selector).screenshot({ animations: "disabled", timeout: 240_000 }));
}

/** A PNG of 8 bits a channel without interlacing, as browsers write it (PNG specification, 7 and 9). @param {Buffer} png @returns {Picture} */
export function decode(png) {
  const [width, height, channels] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25] === 6 ? 4 : 3];
  const parts = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const rows = new Uint8Array(stride * height);
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let i = 0; i < stride; i++) {
      const left = i < channels ? 0 : (rows[y * stride + i - channels] ?? 0);
      const up = y === 0 ? 0 : (rows[(y - 1) * stride + i] ?? 0);
      const corner = i < channels || y === 0 ? 0 : (rows[(y - 1) * stride + i - channels] ?? 0);
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0;
      rows[y * stride + i] = (raw[y * (stride + 1) + 1 + i] ?? 0) + guess;
    }
    for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) data[4 * (y * width + x) + c] = rows[y * stride + x * channels + c] ?? 0;
  }
  return { width, height, data };
}

/** @param {number} a @param {number} b @param {number} c */
function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
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
const isLetter = (/** @type {number} */ r, /** @type {number} */ g, /** @type {number} */ b) => r > 200 && g > 180 && b > 90 && b < 190;

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

/** How many pixels differ by more than `by` in some colour; the edge, where the focus is shown, does not count. @param {Picture} a @param {Picture} b */
export function changed(a, b, by = 24) {
  const edge = 5;
  let n = 0;
  for (let y = edge; y < a.height - edge; y++) {
    for (let x = edge; x < a.width - edge; x++) {
      const i = 4 * (y * a.width + x);
      if ([0, 1, 2].some((c) => Math.abs((a.data[i + c] ?? 0) - (b.data[i + c] ?? 0)) > by)) n += 1;
    }
  }
  return n;
}
