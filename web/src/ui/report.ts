// The findings, and the report of which every sentence shows what it rests on.

import type { Finding, Result, VersionFinding } from "../api/types";
import { barred, findingId, isLow, sentences, targets, type Sentence, type Targets } from "../evidence";
import { colour, css } from "../palette";
import type { Session } from "../session";
import { fill, h, percent, swatch } from "./dom";

/** Sizes in words; nothing in millimetres where spacing is not known. */
export function sizes(finding: { area_px: number | null; volume_ml: number | null; diameter_mm?: number | null }, mm: boolean): string {
  const out = [];
  if (mm && finding.diameter_mm != null) out.push(`${finding.diameter_mm.toFixed(1)} mm`);
  if (mm && finding.volume_ml !== null) out.push(`${finding.volume_ml.toFixed(2)} mL`);
  if (out.length === 0 && finding.area_px !== null) out.push(`${finding.area_px} px`);
  return out.join(" · ");
}

/** The size of what a person painted. */
function painted({ voxels = 0, volume_ml }: VersionFinding, mm: boolean): string {
  return `${mm && volume_ml !== undefined ? `${volume_ml.toFixed(2)} mL` : `${voxels} voxels`} as painted`;
}

export function reportPanel(panel: HTMLElement, session: Session): void {
  const findingCard = (finding: Finding, n: number) => {
    const corrected = session.latest?.findings?.find((f) => f.id === findingId(n));
    const state = corrected?.state ?? "predicted";
    const low = isLow(finding) && state === "predicted";
    const kind = state === "rejected" ? "rejected" : low ? "low" : "sure";
    const lit: Targets = { labels: finding.value === null ? [] : [finding.value], findings: [n], diagnosis: false, acquisition: false };
    const size = corrected?.voxels === undefined ? sizes(finding, session.spacingKnown) : painted(corrected, session.spacingKnown);
    const words = [finding.location, size].filter((w) => w !== null && w !== "").join(" · ");
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: `finding ${kind}`,
          "data-finding": n,
          on: {
            click: () => session.jumpToFinding(n),
            pointerenter: () => session.light(lit),
            pointerleave: () => session.light(null),
            focus: () => session.light(lit),
            blur: () => session.light(null),
          },
        },
        swatch(finding.value === null ? "#fff" : css(colour(finding.value)), low || finding.value === null),
        h("span", { class: "what" }, h("strong", { text: corrected?.label ?? finding.label }), h("span", { class: "when", text: words })),
        h("span", { class: "sure" }, h("span", { text: percent(finding.probability) }), h("span", { class: "tag", text: state !== "predicted" ? state : low ? "low confidence" : "answered" })),
      ),
    );
  };

  const structure = (a: Result["anatomy"][number]) =>
    h("li", {}, h("button", { type: "button", class: "finding plain", on: {
      click: () => session.jumpToLabel(a.value),
      pointerenter: () => session.light({ labels: [a.value], findings: [], diagnosis: false, acquisition: false }),
      pointerleave: () => session.light(null),
    } }, swatch(css(colour(a.value))), h("span", { class: "what" }, h("strong", { text: a.label }), h("span", { class: "when", text: sizes(a, session.spacingKnown) }))));

  const added = (f: VersionFinding) =>
    h("li", {}, h("button", { type: "button", class: "finding sure", on: { click: () => f.value !== null && session.jumpToLabel(f.value) } },
      swatch(f.value === null ? "#fff" : css(colour(f.value))),
      h("span", { class: "what" }, h("strong", { text: f.label }), h("span", { class: "when", text: f.voxels === undefined ? "" : painted(f, session.spacingKnown) })),
      h("span", { class: "sure" }, h("span", { class: "tag", text: `added by ${f.by ?? "a reader"}` }))));

  const sentence = (s: Sentence, result: Result, why: string | null = null) => {
    if (s.fact === null) return h("span", { text: `${s.text} ` });
    const fact = s.fact;
    const rests = targets(fact, result);
    const light = () => {
      session.light(rests);
      fill(evidence, h("strong", { text: fact.verified ? "Rests on " : "Not confirmed: " }), fact.evidence, h("span", { class: "tag", text: fact.origin }));
    };
    const away = () => {
      session.light(null);
      fill(evidence, hint);
    };
    const jump = () => {
      const n = rests.findings[0];
      const value = rests.labels[0];
      if (n !== undefined) session.jumpToFinding(n);
      else if (value !== undefined) session.jumpToLabel(value);
    };
    const b = h("button", { type: "button", class: `sentence ${fact.verified && why === null ? "" : "doubtful"}`, title: fact.evidence, on: { pointerenter: light, pointerleave: away, focus: light, blur: away, click: jump } }, s.text, why !== null && h("span", { class: "tag", text: why }));
    return h("span", {}, b, " ");
  };

  const hint = "Point at a sentence to see what it rests on.";
  const evidence = h("p", { class: "evidence", "aria-live": "polite", text: hint });

  const draw = () => {
    const { result } = session;
    if (result === null) {
      fill(panel);
      return;
    }
    fill(evidence, hint);
    const { facts } = result.report;
    const held: { s: Sentence; why: string }[] = [];
    const sections = Object.entries(result.report.sections).map(([name, text]) => {
      const all = sentences(text, facts);
      const stands = all.filter((s) => {
        const why = name === "impression" ? barred(s, result, session.latest) : null;
        if (why !== null) held.push({ s, why });
        return why === null;
      });
      const body = stands.length > 0 ? stands.map((s) => sentence(s, result)) : [h("span", { class: "hint", text: "Nothing stands here." })];
      return h("section", { class: `section ${name}` }, h("h3", { text: name }), h("p", {}, ...body));
    });
    const more = (session.latest?.findings ?? []).filter((f) => f.state === "added");
    const taken = facts.filter((f) => !f.verified);
    fill(
      panel,
      h("section", { class: "findings" }, h("h2", { text: "Findings" }),
        result.findings.length + more.length > 0 ? h("ul", { class: "plain-list" }, ...result.findings.map(findingCard), ...more.map(added)) : h("p", { class: "hint", text: noFindings(result) }),
        result.anatomy.length > 0 && h("details", { open: result.findings.length === 0 }, h("summary", { text: `Structures (${result.anatomy.length})` }), h("ul", { class: "plain-list" }, ...result.anatomy.map(structure)))),
      h("section", { class: "report" }, h("h2", { text: "Report" }),
        session.latest?.segmentation != null && h("p", { class: "hint", text: "The report speaks of the prediction; the labels were changed since." }), ...sections,
        held.length > 0 && h("section", { class: "section held" }, h("h3", { text: "Kept out of the impression" }), h("p", {}, ...held.map(({ s, why }) => sentence(s, result, why)))),
        evidence),
      diagnosis(result),
      tasks(result),
      taken.length > 0 && h("details", {}, h("summary", { text: `Taken out by the check (${taken.length})` }), h("ul", { class: "taken" }, ...taken.map((f) => h("li", {}, h("s", { text: f.claim }), h("span", { class: "when", text: f.evidence }))))),
      provenance(result),
    );
  };

  session.on("lit", (lit) => {
    panel.querySelector(".diagnosis")?.classList.toggle("lit", lit?.diagnosis ?? false);
    panel.querySelector(".provenance")?.classList.toggle("lit", lit?.acquisition ?? false);
    for (const card of panel.querySelectorAll<HTMLElement>(".finding[data-finding]")) {
      card.classList.toggle("lit", lit?.findings.includes(Number(card.dataset["finding"])) ?? false);
    }
  });
  for (const event of ["opened", "closed", "versions"] as const) session.on(event, draw);
  draw();
}

function noFindings(result: Result): string {
  const detection = result.status["detection"];
  return detection === undefined || detection.state === "answered" ? `None. ${detection?.reason ?? ""}` : `Not answered. ${detection.reason}`;
}

function diagnosis(result: Result): HTMLElement | null {
  if (result.diagnosis.length === 0) return null;
  const row = ({ label, probability }: Result["diagnosis"][number]) =>
    h("li", {}, h("span", { text: label }), h("span", { class: "bar", "aria-hidden": "true" }, h("span", { style: { width: `${100 * probability}%` } })), h("span", { class: "number", text: percent(probability) }));
  return h("section", { class: "diagnosis" }, h("h2", { text: "Alternatives" }), h("ul", { class: "bars" }, ...result.diagnosis.map(row)), h("p", { class: "hint", text: "Probabilities among the classes this model knows." }));
}

function tasks(result: Result): HTMLElement {
  const words = { answered: "answered", abstained: "abstained", out_of_scope: "out of scope" };
  const row = ([task, { state, reason }]: [string, Result["status"][string]]) =>
    h("li", { class: `task ${state}` }, h("strong", { text: task }), h("span", { class: "tag", text: words[state] }), h("span", { class: "when", text: reason }));
  return h("section", { class: "tasks" }, h("h2", { text: "What was answered" }), h("ul", { class: "plain-list" }, ...Object.entries(result.status).map(row)));
}

function provenance(result: Result): HTMLElement {
  const { input, model, acquisition, reconstruction } = result;
  const sourced = (s: { value: string | null; source: string }) => (s.value === null ? "not known" : `${s.value} (${s.source})`);
  const rows: [string, string][] = [
    ["Sequence", sourced(acquisition.sequence)],
    ["Plane", sourced(acquisition.plane)],
    ["Modality", sourced(acquisition.modality)],
    ["Matrix", input.shape.join(" × ")],
    ["Spacing", input.spacing_mm === null ? "not known" : `${input.spacing_mm.map((v) => v.toFixed(2)).join(" × ")} mm`],
    ...(reconstruction === null ? [] : [["Reconstruction", `${reconstruction.method}, ${reconstruction.acceleration.toFixed(1)}-fold`] as [string, string]]),
    ["Input", `${input.path} (${input.sha256.slice(0, 12)})`],
    ["Model", `${model.name} ${model.version} (${model.sha256.slice(0, 12)})`],
    ["Time", `${result.seconds.toFixed(1)} s`],
  ];
  return h("section", { class: "provenance" }, h("h2", { text: "Where it comes from" }), h("dl", {}, ...rows.flatMap(([k, v]) => [h("dt", { text: k }), h("dd", { text: v })])));
}

