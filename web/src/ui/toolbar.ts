// Over the picture: planes, tools, window and level, convention. Under it: where the crosshair is and what was measured.

import type { Session } from "../session";
import type { Location, Tool, ViewName } from "../viewer/viewer";
import { button, fill, h } from "./dom";

export interface Toolbar {
  setTool(tool: Tool): void;
  flipConvention(): void;
  reset(): void;
  measured(mm: number): void;
  located(at: Location): void;
  windowed(low: number, high: number): void;
}

const VIEWS: [ViewName, string, string][] = [
  ["planes", "3 planes", "4"],
  ["axial", "Axial", "1"],
  ["coronal", "Coronal", "2"],
  ["sagittal", "Sagittal", "3"],
  ["render", "3D", "5"],
];
const TOOLS: [Tool, string, string][] = [
  ["crosshair", "Crosshair", "X"],
  ["window", "Window", "W"],
  ["pan", "Pan and zoom", "P"],
  ["measure", "Measure", "M"],
];

/** As many digits as say something. */
function short(v: number): string {
  if (!Number.isFinite(v)) return "–";
  return Math.abs(v) >= 100 || Number.isInteger(v) ? v.toFixed(0) : v.toPrecision(3);
}

export function toolbar(slot: HTMLElement, status: HTMLElement, session: Session, compare: () => void): Toolbar {
  let tool: Tool = "crosshair";
  let radiological = true;
  const measurements: number[] = [];
  const views = VIEWS.map(([view, label, key]) => button(label, () => session.setView(view), { "data-view": view, title: `${label} (${key})` }));
  const tools = TOOLS.map(([t, label, key]) => button(label, () => setTool(t), { "data-tool": t, title: `${label} (${key})` }));
  const convention = button("", () => flipConvention(), { id: "convention" });
  const level = (name: string) => h("input", { type: "number", step: "any", class: "level", "aria-label": name });
  const [low, high] = [level("Darkest value"), level("Brightest value")];
  const apply = () => session.viewer?.setWindow(Number(low.value), Number(high.value));
  low.addEventListener("change", apply);
  high.addEventListener("change", apply);
  const compared = button("Compare with zero-filled", compare, { id: "compare" });
  const where = h("span", { id: "where" });
  const lengths = h("span", { id: "lengths", "aria-live": "polite" });
  const clear = button("Clear", () => {
    measurements.length = 0;
    session.viewer?.clearMeasurements();
    drawLengths();
  }, { class: "quiet" });

  const setTool = (chosen: Tool) => {
    tool = chosen === "measure" && !session.spacingKnown ? "crosshair" : chosen;
    session.viewer?.setTool(tool);
    draw();
  };
  const flipConvention = () => {
    if (!session.orientationKnown) return;
    radiological = !radiological;
    session.viewer?.setRadiological(radiological);
    draw();
  };
  const reset = () => {
    session.viewer?.resetWindow();
    session.viewer?.resetZoom();
  };
  const drawLengths = () => {
    clear.hidden = measurements.length === 0;
    fill(lengths, ...measurements.map((mm, n) => h("span", { class: "length", text: `${n + 1}: ${mm.toFixed(1)} mm` })));
  };
  const draw = () => {
    const only = session.viewer?.onlyPlane ?? null;
    for (const [n, [view]] of VIEWS.entries()) {
      const b = views[n]!;
      b.hidden = only !== null && view !== only;
      b.setAttribute("aria-pressed", String(view === session.view));
    }
    for (const [n, [t]] of TOOLS.entries()) tools[n]!.setAttribute("aria-pressed", String(t === tool));
    const measure = tools[TOOLS.findIndex(([t]) => t === "measure")]!;
    measure.disabled = !session.spacingKnown;
    measure.title = session.spacingKnown ? "Measure (M): drag from end to end" : "Millimetres are not known for this image";
    convention.hidden = !session.orientationKnown;
    convention.textContent = radiological ? "Radiological" : "Neurological";
    convention.title = `${radiological ? "The patient's right is on the left of the picture" : "The patient's right is on the right of the picture"} (L switches)`;
    compared.hidden = session.file("zero_filled.nii.gz") === undefined || session.file("reconstruction.nii.gz") === undefined;
  };
  fill(
    slot,
    h("div", { class: "group", role: "group", "aria-label": "View" }, ...views),
    h("div", { class: "group", role: "group", "aria-label": "What dragging does" }, ...tools),
    h("div", { class: "group levels", role: "group", "aria-label": "Window" }, low, h("span", { "aria-hidden": "true", text: "–" }), high, button("Reset", reset, { title: "Window, level and zoom as at first (R)" })),
    h("div", { class: "group" }, convention),
    h("div", { class: "group" }, compared),
  );
  fill(status, where, h("span", { class: "lengths" }, lengths, clear));
  drawLengths();

  session.on("opened", () => {
    measurements.length = 0;
    drawLengths();
    // An image without a trusted orientation has one way to be shown: as it is stored.
    session.viewer?.setRadiological(session.orientationKnown ? radiological : true);
    const w = session.viewer?.window();
    if (w !== undefined) windowed(w.low, w.high);
    setTool(tool);
  });
  session.on("view", draw);
  const windowed = (a: number, b: number) => {
    low.value = short(a);
    high.value = short(b);
  };
  draw();
  return {
    setTool,
    flipConvention,
    reset,
    windowed,
    measured: (mm) => {
      if (session.spacingKnown && mm > 0) measurements.push(mm);
      drawLengths();
    },
    located: ({ voxel, value, label }) => {
      const name = session.outlined.find((o) => o.value === label)?.label;
      const flat = session.viewer?.onlyPlane !== null;
      const slices = session.viewer?.size[2] ?? 1;
      const slice = flat ? "" : `slice ${voxel[2] + 1} of ${slices} · `;
      fill(where, `${slice}voxel ${voxel.slice(0, flat ? 2 : 3).join(", ")} · value ${short(value)}`, name !== undefined && h("strong", { text: ` · ${name}` }));
    },
  };
}
