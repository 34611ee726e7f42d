// @ts-check
// A simulated series as DICOM files: MR Image Storage, explicit VR, little endian (PS3.5 7.1.2, PS3.10 7.1).

const MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4";
const EXPLICIT = "1.2.840.10008.1.2.1";
/** Value representations whose length takes four bytes. */
const LONG = new Set(["OB", "OW", "SQ", "UN", "UT"]);

/** @param {string} tag eight hexadecimal digits @param {string} vr @param {string | number | Buffer} value */
function element(tag, vr, value) {
  const [group, number] = [parseInt(tag.slice(0, 4), 16), parseInt(tag.slice(4), 16)];
  let bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value), "latin1");
  if (vr === "US" && typeof value === "number") {
    bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
  }
  if (vr === "UL" && typeof value === "number") {
    bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
  }
  if (bytes.length % 2 === 1) bytes = Buffer.concat([bytes, Buffer.from(vr === "UI" || vr === "OB" ? "\0" : " ", "latin1")]);
  const head = Buffer.alloc(LONG.has(vr) ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, "latin1");
  if (LONG.has(vr)) head.writeUInt32LE(bytes.length, 8);
  else head.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([head, bytes]);
}

/**
 * One slice. @param {{ k: number, of: number, n: number, pixel: number, thick: number, pixels: Uint16Array }} slice
 */
function file({ k, of, n, pixel, thick, pixels }) {
  const uid = (/** @type {string} */ end) => `2.25.77001.${end}`;
  const meta = Buffer.concat([
    element("00020001", "OB", Buffer.from([0, 1])),
    element("00020002", "UI", MR_IMAGE),
    element("00020003", "UI", uid(`3.${k + 1}`)),
    element("00020010", "UI", EXPLICIT),
    element("00020012", "UI", uid("9")),
  ]);
  const half = ((n - 1) * pixel) / 2;
  const data = Buffer.concat([
    element("00080008", "CS", "DERIVED\\SECONDARY"),
    element("00080016", "UI", MR_IMAGE),
    element("00080018", "UI", uid(`3.${k + 1}`)),
    element("00080020", "DA", "20260101"),
    element("00080030", "TM", "120000"),
    element("00080060", "CS", "MR"),
    element("0008103E", "LO", "simulated T1 post"),
    element("00100010", "PN", "Simulated^Scan"),
    element("00100020", "LO", "SIM1"),
    element("00180020", "CS", "SE"),
    element("00180050", "DS", thick.toFixed(4)),
    element("00180080", "DS", "500"),
    element("00180081", "DS", "12"),
    element("0020000D", "UI", uid("1")),
    element("0020000E", "UI", uid("2")),
    element("00200011", "IS", 1),
    element("00200013", "IS", k + 1),
    element("00200032", "DS", `${-half}\\${-half}\\${(k - (of - 1) / 2) * thick}`),
    element("00200037", "DS", "1\\0\\0\\0\\1\\0"),
    element("00200052", "UI", uid("4")),
    element("00280002", "US", 1),
    element("00280004", "CS", "MONOCHROME2"),
    element("00280010", "US", n),
    element("00280011", "US", n),
    element("00280030", "DS", `${pixel}\\${pixel}`),
    element("00280100", "US", 16),
    element("00280101", "US", 16),
    element("00280102", "US", 15),
    element("00280103", "US", 0),
    element("7FE00010", "OW", Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength)),
  ]);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), element("00020000", "UL", meta.length), meta, data]);
}

/**
 * The slices of a volume of our own making (`volume` of volume.mjs), which runs to the patient's left, back and top as DICOM does.
 * @param {Buffer} nifti not compressed @returns {Buffer[]}
 */
export function series(nifti) {
  const [n, of] = [nifti.readInt16LE(42), nifti.readInt16LE(46)];
  const [pixel, thick] = [Number(nifti.readFloatLE(80).toFixed(4)), Number(nifti.readFloatLE(88).toFixed(4))];
  return Array.from({ length: of }, (_, k) => {
    const at = (/** @type {number} */ i) => nifti.readFloatLE(352 + 4 * (k * n * n + i));
    const pixels = Uint16Array.from({ length: n * n }, (_, i) => Math.max(0, Math.round(4000 * at(i))));
    return file({ k, of, n, pixel, thick, pixels });
  });
}
