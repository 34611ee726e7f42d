// The reconstruction over the zero-filled image, parted by a line that can be moved.

import { NVImage, Niivue, SLICE_TYPE } from "@niivue/niivue";
import { api } from "../api/client";
import { asStored, parse, type Nifti } from "../nifti";
import type { Session } from "../session";
import { COMMON, load } from "../viewer/viewer";
import { button, h } from "./dom";

const PLANES = [SLICE_TYPE.SAGITTAL, SLICE_TYPE.CORONAL, SLICE_TYPE.AXIAL];

function picture(interactive: boolean, image: Nifti): Niivue {
  return new Niivue({
    ...COMMON,
    crosshairColor: [...COMMON.crosshairColor],
    fontColor: [...COMMON.fontColor],
    backColor: [...COMMON.backColor],
    crosshairWidth: 0,
    isOrientationTextVisible: image.orientationKnown,
    interactive,
  });
}

/** The plane of the thinnest axis. */
function plane(image: NVImage): SLICE_TYPE {
  const [, x = 1, y = 1, z = 1] = image.dimsRAS ?? [];
  const least = Math.min(x, y, z);
  return PLANES[[x, y, z].indexOf(least)] ?? SLICE_TYPE.AXIAL;
}

export async function compare(session: Session, radiological: () => boolean): Promise<void> {
  const { job } = session;
  const names = ["zero_filled.nii.gz", "reconstruction.nii.gz"] as const;
  const entries = names.map((n) => session.file(n));
  if (job === null || entries.some((e) => e === undefined)) return;
  const images = await Promise.all(entries.map(async (e) => parse(await api.file(job.id, e!.path))));
  const canvases = [0, 1].map(() => h("canvas", {}));
  const method = session.result?.reconstruction;
  const slider = h("input", { type: "range", min: 0, max: 100, step: 1, value: 50, class: "parting", id: "parting", "aria-label": "Where the reconstruction begins" });
  const line = h("div", { class: "parting-line", "aria-hidden": "true" });
  const dialog = h("dialog", { class: "compare", "aria-label": "Zero-filled and reconstruction" },
    h("header", { class: "row spread" }, h("h2", { text: "Reconstruction against zero-filled" }), button("Close", () => dialog.close(), { title: "Close (Esc)" })),
    h("div", { class: "over" }, h("div", { class: "under" }, canvases[0]!), h("div", { class: "upper" }, canvases[1]!), line,
      h("span", { class: "caption left", text: "zero-filled" }), h("span", { class: "caption right", text: method == null ? "reconstruction" : `${method.method}, ${method.acceleration.toFixed(1)}-fold` })),
    slider);
  document.body.append(dialog);
  const part = () => {
    dialog.style.setProperty("--part", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `zero-filled on the left ${slider.value} per cent`);
  };
  slider.addEventListener("input", part);
  part();
  dialog.showModal();
  const views: Niivue[] = [];
  for (const [n, image] of images.entries()) {
    const nv = picture(n === 0, image);
    views.push(nv);
    await nv.attachToCanvas(canvases[n]!);
    nv.addVolume(await load(image.orientationKnown ? image : asStored(image), `${names[n]!.replace(".nii.gz", "")}.nii`));
    nv.setRadiologicalConvention(image.orientationKnown ? radiological() : true);
    nv.setSliceType(plane(nv.volumes[0]!));
  }
  const [under, upper] = views as [Niivue, Niivue];
  // One window for both: the reconstruction's.
  const [a, b] = [under.volumes[0]!, upper.volumes[0]!];
  [a.cal_min, a.cal_max] = [b.cal_min ?? 0, b.cal_max ?? 1];
  under.updateGLVolume();
  under.broadcastTo([upper], { "2d": true, "3d": false });
  dialog.addEventListener("close", () => {
    views.forEach((nv) => {
      nv.cleanup();
      nv.gl.getExtension("WEBGL_lose_context")?.loseContext();
    });
    dialog.remove();
  });
}
