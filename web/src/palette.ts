// Colours of labels, apart from each other and from grey, for people with red-green colour blindness too (after Okabe and Ito).

export type Rgb = [number, number, number];

const COLOURS: Rgb[] = [
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [230, 159, 0],
  [204, 121, 167],
  [0, 190, 214],
  [213, 130, 60],
  [150, 200, 90],
  [255, 122, 69],
  [200, 150, 255],
  [255, 200, 120],
  [255, 110, 160],
];

/** The colour of a label value from 1. */
export function colour(value: number): Rgb {
  return COLOURS[(value - 1 + COLOURS.length) % COLOURS.length] ?? [255, 255, 255];
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}
