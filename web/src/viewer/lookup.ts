// Colour tables for label layers.

import type { Rgb } from "../palette";

/** Colour and opacity (0 to 1) of each label value that is shown. */
export type Shown = Map<number, { colour: Rgb; alpha: number; name: string }>;

export interface Table {
  R: number[];
  G: number[];
  B: number[];
  A: number[];
  I: number[];
  labels: string[];
  min: number;
  max: number;
}

/** Values that are not in the map are transparent. */
export function lookup(shown: Shown): Table {
  const most = Math.max(1, ...shown.keys());
  const values = Array.from({ length: most + 1 }, (_, v) => v);
  const of = (v: number) => shown.get(v);
  return {
    R: values.map((v) => of(v)?.colour[0] ?? 0),
    G: values.map((v) => of(v)?.colour[1] ?? 0),
    B: values.map((v) => of(v)?.colour[2] ?? 0),
    A: values.map((v) => Math.round(255 * (of(v)?.alpha ?? 0))),
    I: values,
    labels: values.map((v) => of(v)?.name ?? ""),
    min: 0,
    max: most,
  };
}
