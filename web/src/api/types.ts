// What the server says. Unknown fields are ignored, so that a newer server still works.

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Series {
  name: string;
  files: string[];
}

export interface Job {
  id: string;
  name: string;
  state: JobState;
  /** 0 to 1. */
  progress: number;
  /** What is being done, in words. */
  stage: string;
  created: string;
  started: string | null;
  finished: string | null;
  error: { message: string; hint?: string } | null;
  series: Series[];
}

export interface FileEntry {
  /** With the folder of its series in front. */
  path: string;
  bytes: number;
  media_type: string;
}

export type TaskState = "answered" | "abstained" | "out_of_scope";

export interface Sourced {
  value: string | null;
  source: "header" | "model" | "unknown";
}

export interface Anatomy {
  label: string;
  value: number;
  area_px: number | null;
  volume_ml: number | null;
  file: string;
}

export interface Finding {
  label: string;
  /** Value in the label map; null for a box without a mask. */
  value: number | null;
  probability: number;
  /** Voxels of the input, ends exclusive: x0 y0 x1 y1 or x0 y0 z0 x1 y1 z1. */
  box: number[];
  area_px: number | null;
  volume_ml: number | null;
  diameter_mm: number | null;
  location: string | null;
}

export interface Fact {
  claim: string;
  evidence: string;
  verified: boolean;
  origin: string;
}

/** `result.json`, schema omnimri.result/1. */
export interface Result {
  schema: string;
  input: { path: string; kind: string; sha256: string; shape: number[]; spacing_mm: number[] | null };
  model: { name: string; version: string; sha256: string };
  status: Record<string, { state: TaskState; reason: string }>;
  acquisition: { modality: Sourced; sequence: Sourced; plane: Sourced };
  reconstruction: { method: string; acceleration: number } | null;
  anatomy: Anatomy[];
  findings: Finding[];
  diagnosis: { label: string; probability: number }[];
  report: { sections: Record<string, string>; text: string; facts: Fact[] };
  warnings: string[];
  seconds: number;
}

/** Something an answer rests on. */
export interface Ground {
  /** `check` for how the answer was checked, else what was measured. */
  kind: string;
  value: string;
  source: string;
  probability?: number;
  box?: number[];
  volume_ml?: number;
}

export interface Answer {
  answer: string;
  status: TaskState;
  /** 0 where the words are not the language model's own. */
  probability: number;
  evidence: Ground[];
  box?: number[];
}

export type Action = "accept" | "reject" | "edit" | "add";

export interface FindingChange {
  /** `f0`, `f1`, ... for findings, `a0`, ... for anatomy, in the order of the result. */
  id: string;
  action: Action;
  label?: string;
  value?: number;
}

export interface Version {
  /** 0 is the prediction. */
  number: number;
  author: string | null;
  when: string;
  note: string | null;
  supersedes: number | null;
  /** A named person stands by the report. */
  accepted: boolean;
  findings?: VersionFinding[];
  segmentation?: string | null;
}

/** A finding as a version leaves it. */
export interface VersionFinding {
  id: string;
  label: string;
  value: number | null;
  state: "predicted" | "accepted" | "rejected" | "edited" | "added";
  by?: string;
  /** Counted where labels were painted. */
  voxels?: number;
  volume_ml?: number;
}

export interface NewVersion {
  series?: string;
  author: string;
  note?: string;
  supersedes?: number;
  findings: FindingChange[];
  /** Base64 of a .nii.gz on the grid of the prediction. */
  segmentation?: string;
  accepts_report?: boolean;
}
