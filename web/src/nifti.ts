// NIfTI-1 single files in memory, as the server writes them: little-endian, one header of 348 bytes.
// Layout: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h

const HEADER = 348;
const OFFSET = 352;
const DATATYPE_UINT8 = 2;

/** Row-major 3 x 4: voxel index (i, j, k, 1) to RAS+ millimetres. */
export type Affine = [number[], number[], number[]];

export interface Nifti {
  /** The whole file, not compressed. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Voxels along i, j, k. */
  size: [number, number, number];
  affine: Affine;
  /** Letters of sides may be shown. */
  orientationKnown: boolean;
  /** Millimetres may be shown. */
  spacingKnown: boolean;
}

async function through(bytes: BlobPart, stream: ReadableWritablePair<Uint8Array, BufferSource>) {
  const reply = new Response(new Blob([bytes]).stream().pipeThrough(stream));
  return new Uint8Array(await reply.arrayBuffer());
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  return through(bytes, new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, BufferSource>);
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return through(bytes, new CompressionStream("gzip") as ReadableWritablePair<Uint8Array, BufferSource>);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Uint8Array, from: number, length: number): string {
  const raw = bytes.subarray(from, from + length);
  const end = raw.indexOf(0);
  return new TextDecoder("latin1").decode(end < 0 ? raw : raw.subarray(0, end));
}

/** Reads a `.nii` or `.nii.gz`; refuses what the viewer could not show truthfully. */
export async function parse(file: ArrayBuffer): Promise<Nifti> {
  const bytes = await gunzip(new Uint8Array(file));
  const head = view(bytes);
  if (bytes.length < OFFSET || head.getInt32(0, true) !== HEADER || text(bytes, 344, 4) !== "n+1") {
    throw new Error("expected a NIfTI-1 file from the server, found something else");
  }
  const size: [number, number, number] = [1, 1, 1];
  const axes = head.getInt16(40, true);
  for (let a = 0; a < 3; a++) size[a] = a < axes ? Math.max(1, head.getInt16(42 + 2 * a, true)) : 1;
  const rows = [0, 1, 2].map((r) => [0, 1, 2, 3].map((c) => head.getFloat32(280 + 16 * r + 4 * c, true)));
  const coded = head.getInt16(254, true) > 0;
  // The server marks what its input did not say.
  const described = text(bytes, 148, 80);
  return {
    bytes,
    size,
    affine: rows as Affine,
    orientationKnown: coded && !described.includes("orientation unknown"),
    spacingKnown: coded && !described.includes("spacing unknown"),
  };
}

/** The same voxels under another affine. */
export function withAffine(nifti: Nifti, affine: Affine): Nifti {
  const bytes = nifti.bytes.slice();
  const head = view(bytes);
  affine.forEach((row, r) => row.forEach((v, c) => head.setFloat32(280 + 16 * r + 4 * c, v, true)));
  for (let a = 0; a < 3; a++) {
    const length = Math.hypot(...affine.map((row) => row[a] ?? 0));
    head.setFloat32(80 + 4 * a, length, true);
  }
  head.setInt16(252, 0, true);
  head.setInt16(254, 1, true);
  return { ...nifti, bytes, affine };
}

/**
 * An image without a trusted orientation is shown as it is stored: the first column on the left, the first row on top. In the
 * radiological view that is what an L, P, S grid looks like.
 */
export function asStored(nifti: Nifti): Nifti {
  const [i, j, k] = nifti.spacingKnown
    ? [0, 1, 2].map((a) => Math.hypot(...nifti.affine.map((row) => row[a] ?? 0)))
    : [1, 1, 1];
  return withAffine(nifti, [
    [-(i ?? 1), 0, 0, 0],
    [0, -(j ?? 1), 0, 0],
    [0, 0, k ?? 1, 0],
  ]);
}

/** Labels of a label map, in the order of its voxels. */
export function labels(nifti: Nifti): Uint8Array<ArrayBuffer> {
  const head = view(nifti.bytes);
  if (head.getInt16(70, true) !== DATATYPE_UINT8) throw new Error("expected a label map of one byte a voxel");
  const count = nifti.size[0] * nifti.size[1] * nifti.size[2];
  const start = Math.max(OFFSET, head.getFloat32(108, true));
  const out = nifti.bytes.slice(start, start + count);
  if (out.length !== count) throw new Error(`expected ${count} labels, found ${out.length}`);
  return out;
}

/** A label map on the grid of `grid`, with its header's geometry and marks; not compressed. */
export function labelMap(grid: Nifti, values: Uint8Array): Nifti {
  const bytes = new Uint8Array(OFFSET + values.length);
  bytes.set(grid.bytes.subarray(0, HEADER));
  bytes.set(values, OFFSET);
  const head = view(bytes);
  head.setInt16(40, 3, true);
  for (let a = 0; a < 7; a++) head.setInt16(42 + 2 * a, grid.size[a] ?? 1, true);
  head.setInt16(70, DATATYPE_UINT8, true);
  head.setInt16(72, 8, true);
  head.setFloat32(108, OFFSET, true);
  // No scaling, and no display range taken over from the image.
  head.setFloat32(112, 1, true);
  head.setFloat32(116, 0, true);
  head.setFloat32(124, 0, true);
  head.setFloat32(128, 0, true);
  return { ...grid, bytes };
}
