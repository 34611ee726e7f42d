// What is open: a job, one of its series, its result, the picture and the corrections. Panels listen to it.

import { api } from "./api/client";
import type { FileEntry, Job, Result, Version } from "./api/types";
import { anatomyId, findingId, isLow, type Targets } from "./evidence";
import { boxOutlines, centre, place, readLabels, type Voxel } from "./labelmap";
import { parse, type Nifti } from "./nifti";
import { colour, type Rgb } from "./palette";
import type { Shown } from "./viewer/lookup";
import type { ViewName, Viewer } from "./viewer/viewer";

/** Something outlined, of either kind, as the latest version has it. */
export interface Outlined {
  id: string;
  label: string;
  value: number;
  colour: Rgb;
  low: boolean;
  rejected: boolean;
}

interface Events {
  opened: undefined;
  closed: undefined;
  layers: undefined;
  versions: undefined;
  lit: Targets | null;
  view: undefined;
  failed: string;
}

/** Colours of boxes without a mask. */
const BOX: Rgb = [255, 255, 255];
const DIMMED = 0.2;

export class Session {
  job: Job | null = null;
  series: string | null = null;
  result: Result | null = null;
  image: Nifti | null = null;
  values: Uint8Array | null = null;
  files: FileEntry[] = [];
  versions: Version[] = [];
  viewer: Viewer | null = null;
  view: ViewName = "planes";
  layers = { masks: true, boxes: false, outline: false, opacity: 0.55, hidden: new Set<number>() };
  private lit: Targets | null = null;
  private readonly heard = new Map<keyof Events, ((detail: never) => void)[]>();

  on<K extends keyof Events>(event: K, hear: (detail: Events[K]) => void): void {
    this.heard.set(event, [...(this.heard.get(event) ?? []), hear]);
  }

  emit<K extends keyof Events>(event: K, ...detail: Events[K] extends undefined ? [] : [Events[K]]): void {
    for (const hear of this.heard.get(event) ?? []) (hear as (d: unknown) => void)(detail[0]);
  }

  /** The version that stands: the last one, or null while there is only the prediction. */
  get latest(): Version | null {
    const last = this.versions[this.versions.length - 1];
    return last === undefined || last.number === 0 ? null : last;
  }

  /** Letters of sides may be shown. */
  get orientationKnown(): boolean {
    return this.image?.orientationKnown ?? false;
  }

  /** Millimetres may be shown. */
  get spacingKnown(): boolean {
    return (this.image?.spacingKnown ?? false) && this.result?.input.spacing_mm != null;
  }

  get outlined(): Outlined[] {
    const { result, latest } = this;
    if (result === null) return [];
    const corrected = new Map((latest?.findings ?? []).map((f) => [f.id, f]));
    const of = (id: string, label: string, value: number | null, low: boolean): Outlined[] => {
      const c = corrected.get(id);
      corrected.delete(id);
      if (value === null) return [];
      const vouched = c !== undefined && c.state !== "predicted";
      return [
        { id, label: c?.label ?? label, value, colour: colour(value), low: low && !vouched, rejected: c?.state === "rejected" },
      ];
    };
    const all = [
      ...result.findings.flatMap((f, n) => of(findingId(n), f.label, f.value, isLow(f))),
      ...result.anatomy.flatMap((a, n) => of(anatomyId(n), a.label, a.value, false)),
    ];
    for (const f of corrected.values()) all.push(...of(f.id, f.label, f.value, false));
    return all;
  }

  file(name: string): FileEntry | undefined {
    const inSeries = (f: FileEntry) => this.series === null || f.path === name || f.path.startsWith(`${this.series}/`);
    return this.files.find((f) => inSeries(f) && (f.path === name || f.path.endsWith(`/${name}`)));
  }

  /** Opens a finished job; the first series unless one is named. */
  async open(job: Job, series: string | null = null): Promise<void> {
    this.job = job;
    this.series = series ?? job.series[0]?.name ?? null;
    [this.result, this.files, this.versions] = await Promise.all([
      api.result(job.id, this.series),
      api.files(job.id),
      api.versions(job.id, this.series).catch(() => []),
    ]);
    const entry = this.file("image.nii.gz") ?? this.file("reconstruction.nii.gz");
    if (entry === undefined) throw new Error("this result has no image to show");
    this.image = await parse(await api.file(job.id, entry.path));
    this.values = await this.readValues();
    this.layers.hidden.clear();
    this.lit = null;
    await this.viewer?.show(this.image, this.values, boxOutlines(this.result.findings, this.image.size));
    this.applyLayers();
    this.view = this.viewer?.onlyPlane ?? "planes";
    const first = this.result.findings[0];
    if (first !== undefined) this.viewer?.jumpTo(place(first, this.values, this.image.size));
    this.viewer?.setView(this.view);
    this.emit("opened");
  }

  close(): void {
    [this.job, this.series, this.result, this.image, this.values] = [null, null, null, null, null];
    [this.files, this.versions] = [[], []];
    this.emit("closed");
  }

  setView(view: ViewName): void {
    const only = this.viewer?.onlyPlane ?? null;
    this.view = only !== null && view !== "render" ? only : view;
    this.viewer?.setView(this.view);
    this.emit("view");
  }

  /** The labels of the version that stands, or of the prediction. */
  private async readValues(): Promise<Uint8Array | null> {
    const { job, image, latest } = this;
    if (job === null || image === null) return null;
    if (latest?.segmentation != null) {
      return readLabels(await api.versionFile(job.id, latest.number, latest.segmentation, this.series), false, image);
    }
    const nifti = this.file("segmentation.nii.gz");
    const entry = nifti ?? this.file("segmentation.png");
    if (entry === undefined) return null;
    return readLabels(await api.file(job.id, entry.path), nifti === undefined, image);
  }

  /** Asks again for the versions and shows the labels of the last. */
  async refreshVersions(): Promise<void> {
    if (this.job === null) return;
    this.versions = await api.versions(this.job.id, this.series);
    this.values = await this.readValues();
    if (this.values !== null) await this.viewer?.replaceLabels(this.values);
    this.applyLayers();
    this.emit("versions");
  }

  change(layers: Partial<Session["layers"]>): void {
    Object.assign(this.layers, layers);
    this.applyLayers();
    this.emit("layers");
  }

  /** Lights up what a sentence or finding rests on; null puts everything back. */
  light(targets: Targets | null): void {
    this.lit = targets;
    this.applyLayers();
    this.emit("lit", targets);
  }

  jumpToFinding(n: number): void {
    const finding = this.result?.findings[n];
    if (finding !== undefined) this.viewer?.jumpTo(place(finding, this.values, this.viewer.size));
  }

  jumpToLabel(value: number): void {
    const at = this.values === null || this.viewer === null ? null : centre(this.values, this.viewer.size, value);
    if (at !== null) this.viewer?.jumpTo(at as Voxel);
  }

  colours(): Shown {
    return new Map(this.outlined.map((o) => [o.value, { colour: o.colour, alpha: 1, name: o.label }]));
  }

  private applyLayers(): void {
    const { result, layers, lit } = this;
    if (result === null) return;
    const masks: Shown = new Map();
    for (const { value, colour, label, rejected } of this.outlined) {
      const isLit = lit?.labels.includes(value) ?? false;
      const isShown = layers.masks && !layers.hidden.has(value) && !rejected;
      const dimmed = lit !== null && lit.labels.length > 0;
      const alpha = isLit ? 1 : isShown ? (dimmed ? DIMMED : 1) : 0;
      masks.set(value, { colour, alpha, name: label });
    }
    const boxes: Shown = new Map();
    result.findings.forEach((f, n) => {
      const isLit = lit?.findings.includes(n) ?? false;
      // A box is all there is of a finding without a mask.
      const isShown = isLit || (layers.masks && (layers.boxes || f.value === null));
      boxes.set(n + 1, { colour: f.value === null ? BOX : colour(f.value), alpha: isShown ? 1 : 0, name: f.label });
    });
    const opacity = lit !== null && lit.labels.length > 0 ? Math.max(0.7, layers.opacity) : layers.opacity;
    this.viewer?.setLayers({ masks, boxes, opacity, outline: layers.outline });
  }
}
