// @ts-check
// A simulated volume for the tests: the demo's slice, drawn together towards the top and bottom like a head.

import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

const OFFSET = 352;

/**
 * @typedef {object} Slice
 * @property {Buffer} header 352 bytes
 * @property {number} n voxels along x and y
 * @property {Float32Array} values
 */

/** @param {string} path the demo's reconstruction.nii.gz @returns {Slice} */
export function readSlice(path) {
  const file = gunzipSync(readFileSync(path));
  const n = file.readInt16LE(42);
  const values = Float32Array.from({ length: n * n }, (_, i) => file.readFloatLE(OFFSET + 4 * i));
  return { header: Buffer.from(file.subarray(0, OFFSET)), n, values };
}

/**
 * A volume of `slices` slices over 140 mm, as a .nii.gz.
 * @param {Slice} slice
 * @param {{ slices: number, step: number, flipX?: boolean, trusted?: boolean }} options `step`: every how many pixels one is
 *   kept; `flipX`: the affine says that x runs to the other side; `trusted` false: no transform in the header
 */
export function volume({ header, n, values }, { slices, step, flipX = false, trusted = true }) {
  const m = Math.floor(n / step);
  const voxels = Buffer.alloc(4 * m * m * slices);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (x >= 0 && x < n && y >= 0 && y < n ? (values[y * n + x] ?? 0) : 0);
  const between = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - x0, y - y0];
    const row = (/** @type {number} */ yy) => (1 - fx) * at(x0, yy) + fx * at(x0 + 1, yy);
    return (1 - fy) * row(y0) + fy * row(y0 + 1);
  };
  for (let z = 0, to = 0; z < slices; z++) {
    // The radius of an ellipsoid at this height; the ends are cut off.
    const height = (2 * z + 1 - slices) / (1.1 * slices);
    const scale = Math.sqrt(1 - height * height);
    // The lesion lies in the right half of the picture, in some slices; elsewhere that half mirrors the other.
    const healthy = height < -0.15 || height > 0.5;
    for (let y = 0; y < m; y++) {
      for (let x = 0; x < m; x++, to += 4) {
        const from = (/** @type {number} */ v) => (v * step - n / 2) / scale + n / 2;
        const right = from(x);
        voxels.writeFloatLE(between(healthy && right > n / 2 ? n - 1 - right : right, from(y)), to);
      }
    }
  }
  const head = Buffer.from(header);
  [3, m, m, slices, 1, 1, 1, 1].forEach((v, i) => head.writeInt16LE(v, 40 + 2 * i));
  const pixel = head.readFloatLE(80);
  const thick = 140 / slices;
  [pixel * step, pixel * step, thick].forEach((v, i) => head.writeFloatLE(v, 80 + 4 * i));
  head.writeInt16LE(0, 252);
  head.writeInt16LE(trusted ? 1 : 0, 254);
  // The demo's slice runs to the patient's left and back.
  const half = (pixel * n) / 2;
  const rows = [
    [(flipX ? 1 : -1) * pixel * step, 0, 0, flipX ? -half : half],
    [0, -pixel * step, 0, half],
    [0, 0, thick, -70],
  ];
  rows.forEach((row, r) => row.forEach((v, c) => head.writeFloatLE(v, 280 + 16 * r + 4 * c)));
  head.fill(0, 148, 228);
  return gzipSync(Buffer.concat([head, voxels]));
}
