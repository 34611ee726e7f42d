// Everything that was written for the open study, to take away.

import { api } from "../api/client";
import type { Session } from "../session";
import { amount, fill, h } from "./dom";

const WORDS: [RegExp, string][] = [
  [/segmentation\.dcm$/, "DICOM segmentation"],
  [/report\.dcm$/, "DICOM report"],
  [/segmentation\.nii\.gz$/, "Label map"],
  [/segmentation\.png$/, "Label picture"],
  [/image\.nii\.gz$/, "The input as read"],
  [/reconstruction\.nii\.gz$/, "Reconstruction"],
  [/zero_filled\.nii\.gz$/, "Zero-filled"],
  [/report\.html$/, "Report, to read and print"],
  [/report\.pdf$/, "Report, PDF"],
  [/report\.md$/, "Report, text"],
  [/result\.json$/, "Result, for programs"],
];

export function filesPanel(panel: HTMLElement, session: Session): void {
  const draw = () => {
    const { job, series } = session;
    if (job === null) {
      fill(panel);
      return;
    }
    const row = ({ path, bytes }: Session["files"][number]) => {
      const name = path.split("/").pop() ?? path;
      const words = WORDS.find(([p]) => p.test(path))?.[1] ?? "";
      const opens = /\.(html|pdf|png)$/.test(path);
      const link = opens
        ? h("a", { href: api.fileUrl(job.id, path), target: "_blank", rel: "noopener", text: name })
        : h("a", { href: api.fileUrl(job.id, path), download: name, text: name });
      return h("li", {}, link, h("span", { class: "when", text: [words, amount(bytes)].filter((w) => w !== "").join(" · ") }));
    };
    const own = session.files.filter((f) => series === null || f.path.startsWith(`${series}/`));
    const others = session.files.filter((f) => !own.includes(f));
    fill(panel, h("h2", { text: "Files" }), h("ul", { class: "files" }, ...own.map(row)),
      others.length > 0 && h("details", {}, h("summary", { text: `Of the whole study (${others.length})` }), h("ul", { class: "files" }, ...others.map(row))),
      h("h2", { text: "Training data" }),
      session.latest === null
        ? h("p", { class: "hint", text: "After a correction: image, corrected labels, the original prediction, and who corrected when." })
        : h("p", {}, h("a", { href: api.trainingUrl(job.id, series), download: `${job.name}-training.zip`, id: "training", text: "Corrections as training data (.zip)" }), h("span", { class: "when", text: "For training only; marked never to be used for validation." })));
  };
  for (const event of ["opened", "closed", "versions"] as const) session.on(event, draw);
}
