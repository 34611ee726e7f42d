// The picture: NiiVue behind the few verbs that the page needs. Voxels are those of the file, (i, j, k), whatever its affine.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";
import type { Voxel } from "../labelmap";
import { asStored, labelMap, type Nifti } from "../nifti";
import { lookup, type Shown } from "./lookup";
import { toFile, toRas } from "./axes";

export type ViewName = "axial" | "coronal" | "sagittal" | "planes" | "render";
export type Tool = "crosshair" | "window" | "pan" | "measure";

export interface Location {
  voxel: Voxel;
  value: number;
  label: number;
}

export interface Measurement {
  mm: number;
}

export interface Layers {
  masks: Shown;
  boxes: Shown;
  opacity: number;
  outline: boolean;
}

const VIEWS: Record<ViewName, SLICE_TYPE> = {
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  planes: SLICE_TYPE.MULTIPLANAR,
  render: SLICE_TYPE.RENDER,
};

const TOOLS: Record<Tool, DRAG_MODE> = {
  crosshair: DRAG_MODE.crosshair,
  window: DRAG_MODE.windowing,
  pan: DRAG_MODE.pan,
  measure: DRAG_MODE.measurement,
};

/** Options that hold for every picture on the page. Its own keys are off: the page has shortcuts of its own. */
export const COMMON = {
  isRadiologicalConvention: true,
  sagittalNoseLeft: true,
  dragAndDropEnabled: false,
  viewModeHotKey: "",
  clipPlaneHotKey: "",
  cycleClipPlaneHotKey: "",
  logLevel: "error",
  backColor: [0, 0, 0, 1],
  crosshairColor: [0.49, 0.77, 1, 0.8],
  crosshairWidth: 0.6,
  crosshairWidthUnit: "mm",
  crosshairGap: 14,
  showAllOrientationMarkers: true,
  fontColor: [1, 0.9, 0.6, 1],
  fontMinPx: 15,
  fontSizeScaling: 0.2,
  isNearestInterpolation: false,
  loadingText: "",
} as const;

export class Viewer {
  readonly nv: Niivue;
  private image: Nifti | null = null;
  private readonly masksAt = 1;
  private readonly boxesAt = 2;
  private values: Uint8Array | null = null;
  private first = { low: 0, high: 1 };
  /** What is told; the page fills these in. */
  onLocation: (at: Location) => void = () => undefined;
  onWindow: (low: number, high: number) => void = () => undefined;
  onMeasured: (m: Measurement) => void = () => undefined;
  onPainted: () => void = () => undefined;

  private constructor() {
    this.nv = new Niivue({
      ...COMMON,
      crosshairColor: [...COMMON.crosshairColor],
      fontColor: [...COMMON.fontColor],
      backColor: [...COMMON.backColor],
      dragModePrimary: DRAG_MODE.crosshair,
      dragMode: DRAG_MODE.windowing,
      measureLineColor: [1, 0.7, 0.33, 1],
      measureTextColor: [1, 0.9, 0.6, 1],
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      drawingEnabled: false,
    });
  }

  static async on(canvas: HTMLCanvasElement): Promise<Viewer> {
    const viewer = new Viewer();
    const { nv } = viewer;
    await nv.attachToCanvas(canvas);
    // Without a graphics processor 3D takes seconds a frame: it is drawn where it is asked for, not beside every slice.
    if (drawnBySoftware(nv.gl)) nv.opts.multiplanarShowRender = SHOW_RENDER.NEVER;
    nv.onLocationChange = () => viewer.tellLocation();
    nv.onIntensityChange = (v) => viewer.onWindow(v.cal_min ?? 0, v.cal_max ?? 1);
    nv.onMeasurementCompleted = (m) => viewer.onMeasured({ mm: m.distance });
    nv.onDrawingChanged = () => viewer.onPainted();
    return viewer;
  }

  get size(): Voxel {
    return this.image?.size ?? [1, 1, 1];
  }

  /** The plane of a single slice; null for a volume. */
  get onlyPlane(): ViewName | null {
    const dims = this.nv.volumes[0]?.dimsRAS;
    if (dims === undefined) return null;
    const flat = [1, 2, 3].find((a) => dims[a] === 1);
    return flat === undefined ? null : (["sagittal", "coronal", "axial"] as const)[flat - 1]!;
  }

  /** Shows an image with its labels and outlines of boxes, all on one grid. */
  async show(image: Nifti, values: Uint8Array | null, boxes: Uint8Array): Promise<void> {
    const { nv } = this;
    this.stopPainting();
    nv.clearMeasurements();
    while (nv.volumes.length > 0) nv.removeVolume(nv.volumes[nv.volumes.length - 1]!);
    // Single slices are drawn faster than volumes: the view that is wanted comes when all is there.
    nv.setSliceType(SLICE_TYPE.AXIAL);
    this.image = image.orientationKnown ? image : asStored(image);
    this.values = values ?? new Uint8Array(boxes.length);
    nv.opts.isCornerOrientationText = false;
    nv.opts.isOrientationTextVisible = image.orientationKnown;
    nv.opts.isOrientCube = image.orientationKnown;
    nv.addVolume(await load(this.image, "image.nii"));
    for (const [name, map] of [["masks.nii", this.values], ["boxes.nii", boxes]] as const) {
      const layer = await load(labelMap(this.image, map), name);
      layer.setColormapLabel(lookup(new Map()));
      nv.addVolume(layer);
    }
    this.first = this.window();
    nv.setInterpolation(false);
    nv.setPan2Dxyzmm([0, 0, 0, 1]);
    this.tellLocation();
  }

  /** Replaces the labels that are shown, on the same grid. */
  async replaceLabels(values: Uint8Array): Promise<void> {
    if (this.image === null) return;
    this.values = values;
    const layer = await load(labelMap(this.image, values), "masks.nii");
    const old = this.nv.volumes[this.masksAt];
    if (old === undefined) return;
    layer.setColormapLabel(lookup(new Map()));
    this.nv.removeVolume(old);
    this.nv.addVolume(layer);
    this.nv.setVolume(layer, this.masksAt);
  }

  setLayers({ masks, boxes, opacity, outline }: Layers): void {
    const { nv } = this;
    const [mask, box] = [nv.volumes[this.masksAt], nv.volumes[this.boxesAt]];
    if (mask === undefined || box === undefined) return;
    mask.setColormapLabel(lookup(masks));
    box.setColormapLabel(lookup(boxes));
    nv.opts.atlasOutline = outline ? 1 : 0;
    // One redraw for all of it.
    mask.opacity = opacity;
    nv.updateGLVolume();
  }

  setView(view: ViewName): void {
    this.nv.setSliceType(VIEWS[view]);
  }

  /** Letters and columns follow: in radiological convention the patient's right is on the left of the picture. */
  setRadiological(on: boolean): void {
    this.nv.setRadiologicalConvention(on);
  }

  setTool(tool: Tool): void {
    const mode = TOOLS[tool];
    this.nv.setMouseEventConfig({
      leftButton: { primary: mode, withShift: DRAG_MODE.crosshair, withCtrl: DRAG_MODE.pan },
      rightButton: DRAG_MODE.windowing,
      centerButton: DRAG_MODE.pan,
    });
    this.nv.setTouchEventConfig({ singleTouch: mode, doubleTouch: DRAG_MODE.pan });
    this.nv.opts.dragModePrimary = mode;
  }

  /** The shown range and the range of the data. */
  window(): { low: number; high: number; least: number; most: number } {
    const v = this.nv.volumes[0];
    return {
      low: v?.cal_min ?? 0,
      high: v?.cal_max ?? 1,
      least: v?.global_min ?? 0,
      most: v?.global_max ?? 1,
    };
  }

  setWindow(low: number, high: number): void {
    const v = this.nv.volumes[0];
    if (v === undefined || !(high > low)) return;
    v.cal_min = low;
    v.cal_max = high;
    this.nv.updateGLVolume();
    this.onWindow(low, high);
  }

  /** The range that was chosen when the image was loaded. */
  resetWindow(): void {
    this.setWindow(this.first.low, this.first.high);
  }

  resetZoom(): void {
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
    this.nv.setScale(1);
    this.nv.drawScene();
  }

  jumpTo(voxel: Voxel): void {
    const image = this.nv.volumes[0];
    if (image === undefined) return;
    this.nv.scene.crosshairPos = this.nv.vox2frac(toRas(image, voxel));
    this.nv.createOnLocationChange();
    this.nv.drawScene();
  }

  /** Moves the crosshair by whole slices of a view. */
  step(view: ViewName, by: number): void {
    const axis = { axial: 2, coronal: 1, sagittal: 0, planes: 2, render: 2 }[view];
    const move: [number, number, number] = [0, 0, 0];
    move[axis] = by;
    this.nv.moveCrosshairInVox(...move);
  }

  here(): Voxel {
    const image = this.nv.volumes[0];
    if (image === undefined) return [0, 0, 0];
    return toFile(image, this.nv.frac2vox(this.nv.scene.crosshairPos));
  }

  clearMeasurements(): void {
    this.nv.clearAllMeasurements();
  }

  redraw(): void {
    this.nv.resizeListener();
    this.nv.drawScene();
  }

  /** Starts painting on a copy of the labels; the layer of masks is hidden meanwhile. */
  async startPainting(colours: Shown): Promise<void> {
    if (this.image === null || this.values === null) return;
    const { nv } = this;
    nv.loadDrawing(await load(labelMap(this.image, this.values), "drawing.nii"));
    const { R, G, B, A } = lookup(colours);
    nv.drawLut.lut.fill(0);
    R.forEach((r, v) => nv.drawLut.lut.set([r, G[v] ?? 0, B[v] ?? 0, A?.[v] ?? 0], 4 * v));
    nv.setOpacity(this.masksAt, 0);
    nv.setDrawOpacity(0.6);
    nv.setDrawingEnabled(true);
    nv.updateGLVolume();
  }

  /** A value of 0 erases. */
  setPen(value: number, size: number): void {
    this.nv.opts.penSize = size;
    this.nv.setPenValue(value, false);
  }

  /** The mouse paints, or moves as before, while the painted labels stay. */
  setPainting(on: boolean): void {
    this.nv.setDrawingEnabled(on);
  }

  undoPaint(): void {
    this.nv.drawUndo();
  }

  /** The painted labels in the file's order; null if nothing is being painted. */
  async painted(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.nv.drawBitmap === null) return null;
    const file = await this.nv.saveImage({ filename: "", isSaveDrawing: true, volumeByIndex: 0 });
    if (!(file instanceof Uint8Array)) return null;
    const [x, y, z] = this.size;
    return file.slice(file.length - x * y * z);
  }

  stopPainting(): void {
    if (this.nv.drawBitmap === null) return;
    this.nv.setDrawingEnabled(false);
    this.nv.closeDrawing();
  }

  private tellLocation(): void {
    const image = this.nv.volumes[0];
    if (image === undefined || this.values === null) return;
    const voxel = this.here();
    const [x, y, z] = voxel;
    const [nx, ny] = this.size;
    const [rx, ry, rz] = toRas(image, voxel);
    this.onLocation({
      voxel,
      value: image.getValue(rx, ry, rz, image.frame4D ?? 0),
      label: this.values[(z * ny + y) * nx + x] ?? 0,
    });
  }
}

function drawnBySoftware(gl: WebGL2RenderingContext): boolean {
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name: unknown = info === null ? "" : gl.getParameter(info.UNMASKED_RENDERER_WEBGL);
  return /swiftshader|llvmpipe|software/i.test(String(name));
}

/** A volume for NiiVue; the bytes are handed over as a copy, since it may change them. */
export async function load(nifti: Nifti, name: string): Promise<NVImage> {
  return NVImage.loadFromUrl({ url: nifti.bytes.slice().buffer, name, trustCalMinMax: false, percentileFrac: 0.005 });
}
