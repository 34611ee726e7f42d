// The page: panels around one session.

import "./styles/main.css";
import "./ui/theme";
import { api, ApiError, onTokenWanted } from "./api/client";
import type { Job } from "./api/types";
import { Session } from "./session";
import { askPanel } from "./ui/ask";
import { banners } from "./ui/banner";
import { correctPanel } from "./ui/correct";
import { button, fill, h } from "./ui/dom";
import { filesPanel } from "./ui/files";
import { askToken, listen, showHelp, type Shortcut } from "./ui/help";
import { layersPanel } from "./ui/layers";
import { reportPanel } from "./ui/report";
import { shell } from "./ui/shell";
import { studies } from "./ui/studies";
import { toggleTheme } from "./ui/theme";
import { toolbar } from "./ui/toolbar";

const frame = shell(document.getElementById("app")!);
const session = new Session();
onTokenWanted(askToken);

const bar = toolbar(frame.toolbar, frame.status, session, () => {
  void import("./ui/compare").then(({ compare }) => compare(session, () => session.viewer?.nv.opts.isRadiologicalConvention ?? true));
});
banners(frame.banner, frame.standing, session);
layersPanel(frame.layers, session);
reportPanel(frame.panels.report, session);
filesPanel(frame.panels.files, session);
const correct = correctPanel(frame.panels.correct, session, frame.say);
const ask = askPanel(frame.panels.ask, session);
const list = studies(frame.studies, {
  open: (job) => void open(job, null),
  closed: (id) => {
    if (session.job?.id === id) session.close();
  },
  say: frame.say,
});

/** The drawing engine is loaded when it is first needed. */
async function ensureViewer(): Promise<void> {
  if (session.viewer !== null) return;
  const { Viewer } = await import("./viewer/viewer");
  const viewer = await Viewer.on(frame.canvas);
  viewer.onLocation = bar.located;
  viewer.onWindow = bar.windowed;
  viewer.onMeasured = ({ mm }) => bar.measured(mm);
  session.viewer = viewer;
}

async function open(job: Job, series: string | null): Promise<void> {
  list.mark(job.id);
  document.body.classList.add("open");
  frame.say(`Opening ${job.name}`);
  try {
    await ensureViewer();
    await session.open(job, series);
    frame.say(`${job.name} is open`);
  } catch (e) {
    session.close();
    const why = e instanceof ApiError ? e.said : e instanceof Error ? e.message : String(e);
    fill(frame.title, h("span", { class: "trouble", role: "alert", text: `${job.name} cannot be shown: ${why}` }));
  }
}

session.on("opened", () => {
  const { job, series } = session;
  if (job === null) return;
  const parts: (Node | string)[] = [h("span", { class: "study", text: job.name })];
  if (job.series.length > 1) {
    const select = h("select", { "aria-label": "Series" }, ...job.series.map((s) => h("option", { value: s.name, text: s.name, selected: s.name === series })));
    select.addEventListener("change", () => void open(job, select.value));
    parts.push(select);
  }
  fill(frame.title, ...parts);
  document.title = `${job.name} · omnimri`;
  const address = series === job.series[0]?.name ? `#${job.id}` : `#${job.id}/${encodeURIComponent(series ?? "")}`;
  history.replaceState(null, "", address);
});
session.on("closed", () => {
  document.body.classList.remove("open");
  list.mark(null);
  fill(frame.title);
  document.title = "omnimri";
  history.replaceState(null, "", location.pathname);
});

let at = -1;
function findingAfter(by: number): void {
  const n = session.result?.findings.length ?? 0;
  if (n === 0) return;
  at = (at + by + n) % n;
  session.jumpToFinding(at);
  frame.say(`Finding ${at + 1} of ${n}: ${session.result?.findings[at]?.label ?? ""}`);
}

const step = (by: number) => session.viewer?.step(session.view, by);
const shortcuts: Shortcut[] = [
  { keys: ["1"], shown: "1", words: "axial", act: () => session.setView("axial") },
  { keys: ["2"], shown: "2", words: "coronal", act: () => session.setView("coronal") },
  { keys: ["3"], shown: "3", words: "sagittal", act: () => session.setView("sagittal") },
  { keys: ["4"], shown: "4", words: "three planes", act: () => session.setView("planes") },
  { keys: ["5"], shown: "5", words: "3D", act: () => session.setView("render") },
  { keys: ["ArrowUp"], shown: "↑", words: "next slice", act: () => step(1) },
  { keys: ["ArrowDown"], shown: "↓", words: "previous slice", act: () => step(-1) },
  { keys: ["PageUp"], shown: "PgUp", words: "five slices on", act: () => step(5) },
  { keys: ["PageDown"], shown: "PgDn", words: "five slices back", act: () => step(-5) },
  { keys: ["n"], shown: "N", words: "next finding", act: () => findingAfter(1) },
  { keys: ["b"], shown: "B", words: "finding before", act: () => findingAfter(-1) },
  { keys: ["o"], shown: "O", words: "overlay on and off", act: () => session.change({ masks: !session.layers.masks }) },
  { keys: ["u"], shown: "U", words: "filled or outlined", act: () => session.change({ outline: !session.layers.outline }) },
  { keys: ["["], shown: "[", words: "overlay weaker", act: () => session.change({ opacity: Math.max(0, session.layers.opacity - 0.1) }) },
  { keys: ["]"], shown: "]", words: "overlay stronger", act: () => session.change({ opacity: Math.min(1, session.layers.opacity + 0.1) }) },
  { keys: ["x"], shown: "X", words: "crosshair", act: () => bar.setTool("crosshair") },
  { keys: ["w"], shown: "W", words: "window and level", act: () => bar.setTool("window") },
  { keys: ["p"], shown: "P", words: "pan and zoom", act: () => bar.setTool("pan") },
  { keys: ["m"], shown: "M", words: "measure a distance", act: () => bar.setTool("measure") },
  { keys: ["l"], shown: "L", words: "radiological or neurological", act: () => bar.flipConvention() },
  { keys: ["r"], shown: "R", words: "window and zoom as at first", act: () => bar.reset() },
  { keys: ["d"], shown: "D", words: "paint on the labels", act: () => {
    frame.select("correct");
    correct.paint();
  } },
  { keys: ["q"], shown: "Q", words: "ask a question", act: () => {
    frame.select("ask");
    ask.focus();
  } },
  { keys: ["t"], shown: "T", words: "dark or light", act: () => toggleTheme() },
  { keys: ["?"], shown: "?", words: "this list", act: () => showHelp(shortcuts) },
];
listen(shortcuts);

fill(frame.tools,
  button("◐", () => toggleTheme(), { class: "quiet", "aria-label": "Dark or light", title: "Dark or light (T)" }),
  button("?", () => showHelp(shortcuts), { class: "quiet", id: "help", "aria-label": "Keys and mouse", title: "Keys and mouse (?)" }));
fill(frame.welcome, list.invite(), h("p", { class: "hint", text: "The image is read on this machine: outlined, measured and reported, and every sentence is checked against what was measured." }));

/** Opens what the address names. */
async function start(): Promise<void> {
  await list.refresh();
  const [id, series] = location.hash.slice(1).split("/");
  if (id === undefined || id === "") return;
  try {
    const job = await api.job(id);
    if (job.state === "done") await open(job, series === undefined ? null : decodeURIComponent(series));
  } catch {
    history.replaceState(null, "", location.pathname);
  }
}
void start();
