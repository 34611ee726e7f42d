// What the page computes from label maps and boxes: where a label is, and outlines of boxes.

import type { Finding } from "./api/types";
import { labels, parse, type Nifti } from "./nifti";

export type Voxel = [number, number, number];

/** The middle voxel of a label in the slice that holds most of it; null if it is nowhere. */
export function centre(values: Uint8Array, size: Voxel, label: number): Voxel | null {
  const [nx, ny, nz] = size;
  const slices = Array.from({ length: nz }, () => ({ n: 0, x: 0, y: 0 }));
  for (let z = 0, at = 0; z < nz; z++) {
    const slice = slices[z]!;
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, at++) {
        if (values[at] === label) {
          slice.n += 1;
          slice.x += x;
          slice.y += y;
        }
      }
    }
  }
  let best = 0;
  for (let z = 1; z < nz; z++) if (slices[z]!.n > slices[best]!.n) best = z;
  const { n, x, y } = slices[best]!;
  return n === 0 ? null : [Math.round(x / n), Math.round(y / n), best];
}

/** The middle of a box with exclusive ends. */
export function middle(box: number[]): Voxel {
  const axes = box.length / 2;
  const at = (a: number) => (a < axes ? Math.floor(((box[a] ?? 0) + (box[a + axes] ?? 1) - 1) / 2) : 0);
  return [at(0), at(1), at(2)];
}

/** Where to look for a finding: the middle of its mask, else of its box. */
export function place(finding: Finding, values: Uint8Array | null, size: Voxel): Voxel {
  const masked = values !== null && finding.value !== null ? centre(values, size, finding.value) : null;
  return masked ?? middle(finding.box);
}

/** Outlines of boxes, one voxel wide in every slice they reach; finding n has the value n + 1. */
export function boxOutlines(findings: Finding[], size: Voxel): Uint8Array<ArrayBuffer> {
  const [nx, ny, nz] = size;
  const out = new Uint8Array(nx * ny * nz);
  findings.forEach(({ box }, n) => {
    const axes = box.length / 2;
    const [x0 = 0, y0 = 0] = box;
    const [x1, y1] = [(box[axes] ?? 1) - 1, (box[axes + 1] ?? 1) - 1];
    const [z0, z1] = axes === 3 ? [box[2] ?? 0, (box[5] ?? 1) - 1] : [0, nz - 1];
    const set = (x: number, y: number, z: number) => {
      if (x >= 0 && x < nx && y >= 0 && y < ny && z >= 0 && z < nz) out[(z * ny + y) * nx + x] = n + 1;
    };
    for (let z = z0; z <= z1; z++) {
      for (let x = x0; x <= x1; x++) [y0, y1].forEach((y) => set(x, y, z));
      for (let y = y0; y <= y1; y++) [x0, x1].forEach((x) => set(x, y, z));
    }
  });
  return out;
}

export function histogram(values: Uint8Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const v of values) if (v !== 0) counts.set(v, (counts.get(v) ?? 0) + 1);
  return counts;
}

/** The label map of a series on the image's grid: a NIfTI file, or for single pictures a grey PNG of label values. */
export async function readLabels(file: ArrayBuffer, isPng: boolean, image: Nifti): Promise<Uint8Array<ArrayBuffer>> {
  const values = isPng ? await pngValues(file) : labels(await parse(file));
  const expected = image.size[0] * image.size[1] * image.size[2];
  if (values.length !== expected) throw new Error(`expected ${expected} labels for this image, found ${values.length}`);
  return values;
}

async function pngValues(file: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const options: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const picture = await createImageBitmap(new Blob([file], { type: "image/png" }), options);
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser cannot read the label picture");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, n) => data[4 * n] ?? 0);
}

