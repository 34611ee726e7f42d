// Questions about the open image. An answer says how it stands to what was measured.

import { api, ApiError } from "../api/client";
import type { Answer } from "../api/types";
import type { Session } from "../session";
import { button, fill, h, percent } from "./dom";

const STATUS: Record<string, { words: string; kind: string }> = {
  agrees: { words: "confirmed by the evidence", kind: "sure" },
  replaced: { words: "answered from the evidence", kind: "sure" },
  unchecked: { words: "not checked", kind: "low" },
  answered: { words: "answered", kind: "sure" },
  abstained: { words: "abstained", kind: "low" },
  out_of_scope: { words: "out of scope", kind: "low" },
};
const EXAMPLES = ["Is there a tumour?", "Where is the lesion?", "Which sequence is this?", "How large is it?"];

function piece(evidence: unknown): string {
  if (typeof evidence === "string") return evidence;
  if (typeof evidence === "object" && evidence !== null) {
    return Object.entries(evidence)
      .map(([k, v]) => `${k}: ${typeof v === "object" ? JSON.stringify(v) : String(v)}`)
      .join(", ");
  }
  return String(evidence);
}

export function askPanel(panel: HTMLElement, session: Session): { focus(): void } {
  const log = h("div", { class: "log", role: "log", "aria-label": "Questions and answers" });
  const input = h("input", { type: "text", id: "question", maxlength: 500, autocomplete: "off", placeholder: "Ask about this image", "aria-label": "Your question" });
  const ask = async (question: string) => {
    const { job, series } = session;
    if (job === null || question.trim() === "") return;
    input.value = "";
    const waiting = h("div", { class: "answer waiting", text: "…" });
    log.append(h("div", { class: "asked", text: question }), waiting);
    waiting.scrollIntoView({ block: "nearest" });
    try {
      waiting.replaceWith(answer(await api.ask(job.id, question, series)));
    } catch (e) {
      waiting.replaceWith(h("div", { class: "answer trouble", role: "alert", text: e instanceof ApiError ? e.said : String(e) }));
    }
    log.lastElementChild?.scrollIntoView({ block: "nearest" });
  };
  const answer = (a: Answer) => {
    const status = STATUS[a.status] ?? { words: a.status, kind: "low" };
    return h("div", { class: `answer ${status.kind}` }, h("p", { text: a.answer }),
      h("p", { class: "when" }, h("span", { class: "tag", text: status.words }), a.probability > 0 && ` ${percent(a.probability)}`),
      a.evidence.length > 0 && h("ul", { class: "rests" }, ...a.evidence.map((e) => h("li", { text: piece(e) }))));
  };
  const form = h("form", { class: "row", on: { submit: (e) => {
    e.preventDefault();
    void ask(input.value);
  } } }, input, h("button", { type: "submit", class: "primary", text: "Ask" }));
  const draw = () => {
    fill(log);
    fill(panel, h("h2", { text: "Ask about this image" }), log, form,
      h("div", { class: "row wrap" }, ...EXAMPLES.map((q) => button(q, () => void ask(q), { class: "chip" }))),
      h("p", { class: "hint", text: "Answers are held against what was measured; what could not be checked says so." }));
  };
  session.on("opened", draw);
  session.on("closed", () => fill(panel));
  return { focus: () => input.focus() };
}
