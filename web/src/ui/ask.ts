// Questions about the open image. An answer says how it stands to what was measured.

import { api, ApiError } from "../api/client";
import type { Answer, Ground, TaskState } from "../api/types";
import { middle } from "../labelmap";
import type { Session } from "../session";
import { button, fill, h, percent } from "./dom";

const STATUS: Record<TaskState, string> = { answered: "answered", abstained: "abstained", out_of_scope: "out of scope" };
const EXAMPLES = ["Is there a tumour?", "Where is the lesion?", "Which sequence is this?", "How large is it?"];

function words({ kind, value, source, probability, volume_ml }: Ground): string {
  const sure = probability === undefined ? "" : `, ${percent(probability)}`;
  const size = volume_ml === undefined ? "" : `, ${volume_ml.toFixed(2)} mL`;
  return `${kind}: ${value} (${source}${sure}${size})`;
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
    const check = a.evidence.find((g) => g.kind === "check")?.value ?? "";
    const measured = a.evidence.filter((g) => g.kind !== "check");
    // Words that nothing confirms look like what was not answered.
    const sure = a.status === "answered" && !check.includes("nothing that was measured");
    const { box } = a;
    return h("div", { class: `answer ${sure ? "sure" : "low"}` }, h("p", { text: a.answer }),
      h("p", { class: "when" }, h("span", { class: "tag", text: STATUS[a.status] }), a.probability > 0 && ` ${percent(a.probability)} `, check !== "" && ` ${check}`),
      box !== undefined && button("Show on the image", () => session.viewer?.jumpTo(middle(box)), { class: "chip" }),
      measured.length > 0 && h("details", {}, h("summary", { text: `What was measured (${measured.length})` }), h("ul", { class: "rests" }, ...measured.map((g) => h("li", { text: words(g) })))));
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
