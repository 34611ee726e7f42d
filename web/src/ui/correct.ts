// Corrections: a named person accepts, rejects or renames findings and paints on the labels. Saving makes a new version.

import { api, ApiError } from "../api/client";
import type { FindingChange, NewVersion, Version } from "../api/types";
import { gzip, labelMap } from "../nifti";
import { colour, css } from "../palette";
import type { Session } from "../session";
import { button, checkbox, fill, h, swatch, when } from "./dom";

const AUTHOR = "omnimri.author";
/** Labels that this model knows, offered for renaming; any other name may be typed. */
const KNOWN = ["glioma", "meningioma", "pituitary tumour", "multiple sclerosis lesion", "anterior hippocampus", "posterior hippocampus", "left ventricle cavity", "vertebral body L1", "vertebral body L2", "vertebral body L3", "vertebral body L4", "vertebral body L5"];
/** Values of labels that a person adds start after those of the model. */
const FIRST_ADDED = 13;

/** Bytes as base64, in parts that fit an argument list. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export function correctPanel(panel: HTMLElement, session: Session, say: (text: string) => void): { paint(): void } {
  let changes = new Map<string, FindingChange>();
  let painting = false;
  let paints = true;
  let pen = 0;
  let size = 5;
  let accepts = false;
  let note = "";
  let trouble: string | null = null;
  let saving = false;

  const entries = () => {
    const state = new Map((session.latest?.findings ?? []).map((f) => [f.id, f]));
    const result = session.result;
    const rows = [
      ...(result?.findings ?? []).map((f, n) => ({ id: `f${n}`, label: f.label, value: f.value })),
      ...(result?.anatomy ?? []).map((a, n) => ({ id: `a${n}`, label: a.label, value: a.value as number | null })),
    ].map((r) => ({ ...r, label: state.get(r.id)?.label ?? r.label, state: state.get(r.id)?.state ?? "predicted" }));
    const added = [...state.values()].filter((f) => f.state === "added").map((f) => ({ ...f, state: "added" as const }));
    const fresh = [...changes.values()].filter((c) => c.action === "add" && !state.has(c.id)).map((c) => ({ id: c.id, label: c.label ?? "", value: c.value ?? null, state: "new" as const }));
    return [...rows, ...added, ...fresh];
  };
  const values = () => entries().filter((e): e is typeof e & { value: number } => e.value !== null && changes.get(e.id)?.action !== "reject");

  const setAction = (id: string, action: "accept" | "reject") => {
    const was = changes.get(id);
    if (was?.action === action) changes.delete(id);
    else changes.set(id, { id, action });
    draw();
  };
  const rename = (id: string, label: string, before: string) => {
    if (label.trim() === "" || label === before) changes.delete(id);
    else changes.set(id, { id, action: "edit", label: label.trim() });
    // Not drawn anew: the focus is on its way to the next field.
  };
  const addLabel = (label: string) => {
    if (label.trim() === "") return;
    const used = new Set(values().map((e) => e.value));
    let value = FIRST_ADDED;
    while (used.has(value)) value += 1;
    const id = `n${value}`;
    changes.set(id, { id, action: "add", label: label.trim(), value });
    pen = value;
    void startPainting();
  };

  const startPainting = async () => {
    painting = true;
    paints = true;
    if (pen === 0) pen = values()[0]?.value ?? 0;
    await session.viewer?.startPainting(new Map(values().map((e) => [e.value, { colour: colour(e.value), alpha: 1, name: e.label }])));
    session.viewer?.setPen(pen, size);
    say("Painting on the labels. Drag on the picture to paint.");
    draw();
  };
  const stopPainting = () => {
    painting = false;
    session.viewer?.stopPainting();
    session.change({});
    draw();
  };

  const save = async (author: string) => {
    const { job, series, image } = session;
    if (job === null || image === null) return;
    trouble = null;
    saving = true;
    draw();
    try {
      const painted = painting ? await session.viewer?.painted() : null;
      const version: NewVersion = { author, findings: [...changes.values()], supersedes: session.latest?.number ?? 0 };
      if (series !== null) version.series = series;
      if (note.trim() !== "") version.note = note.trim();
      if (accepts) version.accepts_report = true;
      if (painted != null) version.segmentation = base64(await gzip(labelMap(image, painted).bytes));
      const saved = await api.correct(job.id, version);
      localStorage.setItem(AUTHOR, author);
      say(`Version ${saved.number} saved.`);
      forget();
      await session.refreshVersions();
    } catch (e) {
      trouble = e instanceof ApiError ? e.said : String(e);
    }
    saving = false;
    draw();
  };
  const forget = () => {
    changes = new Map();
    [note, accepts, trouble, pen] = ["", false, null, 0];
    if (painting) stopPainting();
  };

  const row = (entry: ReturnType<typeof entries>[number]) => {
    const change = changes.get(entry.id);
    const name = h("input", { type: "text", list: "known-labels", "aria-label": `Label of ${entry.label}`, "data-label": `name-${entry.id}`, maxlength: 80 });
    name.value = change?.label ?? entry.label;
    name.addEventListener("change", () => rename(entry.id, name.value, entry.label));
    const press = (action: "accept" | "reject", words: string) =>
      button(words, () => setAction(entry.id, action), { class: action, "aria-pressed": String(change?.action === action), "data-label": `${action}-${entry.id}`, "aria-label": `${words} ${entry.label}` });
    return h("li", { class: `correction ${change?.action ?? entry.state}`, "data-id": entry.id },
      entry.value !== null && swatch(css(colour(entry.value))), name,
      entry.state === "new" ? h("span", { class: "tag", text: "new" }) : h("span", { class: "row tight" }, press("accept", "Accept"), press("reject", "Reject")),
      entry.state !== "predicted" && entry.state !== "new" && h("span", { class: "tag", text: entry.state }));
  };

  const penRow = () => {
    const choose = (value: number) => {
      pen = value;
      paints = true;
      session.viewer?.setPainting(true);
      session.viewer?.setPen(pen, size);
      draw();
    };
    const pens = values().map((e) => {
      const b = button(e.label, () => choose(e.value), { class: "chip", "aria-pressed": String(paints && pen === e.value), "data-pen": e.value });
      b.prepend(swatch(css(colour(e.value))));
      return b;
    });
    const width = h("input", { type: "range", min: 1, max: 15, step: 2, "aria-label": "Width of the pen in voxels", id: "pen-size" });
    width.value = String(size);
    width.addEventListener("input", () => {
      size = Number(width.value);
      session.viewer?.setPen(pen, size);
    });
    return h("div", { class: "pens" },
      h("div", { class: "row wrap" }, ...pens, button("Erase", () => choose(0), { class: "chip", "aria-pressed": String(paints && pen === 0), "data-pen": 0 })),
      h("div", { class: "row wrap" }, h("span", { text: "Pen" }), width,
        button("Undo", () => session.viewer?.undoPaint()),
        button("Move", () => {
          paints = !paints;
          session.viewer?.setPainting(paints);
          draw();
        }, { "aria-pressed": String(!paints), title: "Dragging moves the crosshair instead of painting" }),
        button("Discard painting", stopPainting)));
  };

  const versionRow = (v: Version) =>
    h("li", { class: v.number === (session.latest?.number ?? 0) ? "current" : "" },
      h("strong", { text: v.number === 0 ? "Prediction" : `Version ${v.number}` }),
      v.accepted && h("span", { class: "tag", text: "report accepted" }),
      h("span", { class: "when", text: v.number === 0 ? `the model, ${when(v.when)}` : `${v.author ?? ""}, ${when(v.when)}, supersedes ${v.supersedes === 0 || v.supersedes === null ? "the prediction" : `version ${v.supersedes}`}` }),
      v.note !== null && v.note !== "" && h("span", { class: "note", text: v.note }));

  const draw = () => {
    if (session.result === null) {
      fill(panel);
      return;
    }
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["label"] : undefined;
    const author = h("input", { type: "text", id: "author", required: true, maxlength: 100, autocomplete: "name", placeholder: "Your name" });
    author.value = panel.querySelector<HTMLInputElement>("#author")?.value ?? localStorage.getItem(AUTHOR) ?? "";
    const words = h("textarea", { id: "note", rows: 2, maxlength: 2000, placeholder: "Why (optional)" });
    words.value = note;
    words.addEventListener("input", () => (note = words.value));
    const fresh = h("input", { type: "text", list: "known-labels", id: "new-label", "aria-label": "Label to add", placeholder: "Something that was missed", maxlength: 80 });
    const list = entries();
    fill(panel,
      h("datalist", { id: "known-labels" }, ...KNOWN.map((k) => h("option", { value: k }))),
      h("section", {}, h("h2", { text: "Findings and structures" }),
        list.length > 0 ? h("ul", { class: "corrections" }, ...list.map(row)) : h("p", { class: "hint", text: "Nothing was found or outlined." }),
        h("div", { class: "row" }, fresh, button("Add and paint", () => addLabel(fresh.value)))),
      h("section", {}, h("h2", { text: "Labels" }), painting ? penRow() : h("div", { class: "row" }, button("Paint or erase", () => void startPainting(), { id: "paint" }), h("span", { class: "hint", text: "on a copy; the prediction stays" }))),
      h("form", { on: { submit: (e) => {
        e.preventDefault();
        void save(author.value.trim());
      } } },
        h("h2", { text: "Save as a new version" }),
        h("label", { class: "field" }, h("span", { text: "Name" }), author),
        h("label", { class: "field" }, h("span", { text: "Note" }), words),
        checkbox("I have reviewed the report and accept it", accepts, (on) => (accepts = on), { id: "accepts" }),
        trouble !== null && h("p", { class: "trouble", role: "alert", text: trouble }),
        h("div", { class: "row" }, h("button", { type: "submit", class: "primary", id: "save", disabled: saving, text: saving ? "Saving…" : "Save version" }))),
      h("section", {}, h("h2", { text: "Versions" }), h("ol", { class: "versions", reversed: true }, ...[...session.versions].reverse().map(versionRow)), h("p", { class: "hint", text: "A version supersedes the one before; none is ever changed." })));
    if (focused !== undefined) panel.querySelector<HTMLElement>(`[data-label="${CSS.escape(focused)}"]`)?.focus();
  };
  session.on("opened", () => {
    painting = false;
    forget();
    draw();
  });
  session.on("closed", draw);
  session.on("versions", draw);
  return { paint: () => void (painting ? stopPainting() : startPainting()) };
}
