// Between the voxels of a file and those of NiiVue, whose grid runs to the patient's right, front and top.

import type { NVImage } from "@niivue/niivue";
import type { Voxel } from "../labelmap";

/** For each axis of NiiVue's grid: which axis of the file (0 to 2) it is, how long, and whether it runs the other way. */
function axes(image: NVImage): { of: number; n: number; flipped: boolean }[] {
  const permutation = image.permRAS ?? [1, 2, 3];
  const dims = image.dimsRAS ?? [3, 1, 1, 1];
  return [0, 1, 2].map((a) => {
    const p = permutation[a] ?? a + 1;
    return { of: Math.abs(p) - 1, n: dims[a + 1] ?? 1, flipped: p < 0 };
  });
}

export function toRas(image: NVImage, file: Voxel): Voxel {
  return axes(image).map(({ of, n, flipped }) => {
    const v = file[of as 0 | 1 | 2];
    return flipped ? n - 1 - v : v;
  }) as Voxel;
}

export function toFile(image: NVImage, ras: ArrayLike<number>): Voxel {
  const file: Voxel = [0, 0, 0];
  axes(image).forEach(({ of, n, flipped }, a) => {
    const v = Math.min(n - 1, Math.max(0, Math.round(ras[a] ?? 0)));
    file[of as 0 | 1 | 2] = flipped ? n - 1 - v : v;
  });
  return file;
}
