// The frame of the page: where the panels go. On a wide window three columns, on a phone one.

import { button, fill, h } from "./dom";

export interface Shell {
  studies: HTMLElement;
  layers: HTMLElement;
  banner: HTMLElement;
  toolbar: HTMLElement;
  canvas: HTMLCanvasElement;
  stage: HTMLElement;
  status: HTMLElement;
  welcome: HTMLElement;
  title: HTMLElement;
  standing: HTMLElement;
  tools: HTMLElement;
  panels: Record<Tab, HTMLElement>;
  select(tab: Tab): void;
  say(text: string): void;
}

const TABS = { report: "Report", ask: "Ask", correct: "Correct", files: "Files" } as const;
export type Tab = keyof typeof TABS;

export function shell(root: HTMLElement): Shell {
  const names = Object.keys(TABS) as Tab[];
  const panel = (name: Tab) =>
    h("div", { class: "panel", role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0" });
  const tab = (name: Tab) =>
    button(TABS[name], () => select(name), { role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` });
  const panels = { report: panel("report"), ask: panel("ask"), correct: panel("correct"), files: panel("files") };
  const tabs = { report: tab("report"), ask: tab("ask"), correct: tab("correct"), files: tab("files") };
  const select = (chosen: Tab) => {
    for (const name of names) {
      tabs[name].setAttribute("aria-selected", String(name === chosen));
      tabs[name].tabIndex = name === chosen ? 0 : -1;
      panels[name].hidden = name !== chosen;
    }
  };
  const tablist = h("div", { class: "tabs", role: "tablist", "aria-label": "About this image" }, ...names.map((n) => tabs[n]));
  tablist.addEventListener("keydown", (e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (by === undefined) return;
    e.stopPropagation();
    const at = names.findIndex((n) => tabs[n] === document.activeElement);
    const next = names[(at + by + names.length) % names.length]!;
    select(next);
    tabs[next].focus();
  });
  select("report");

  const canvas = h("canvas", {
    id: "picture",
    role: "img",
    tabindex: "0",
    "aria-label": "The image with its overlays. Arrow keys move through the slices.",
  });
  const live = h("div", { class: "sr-only", "aria-live": "polite", role: "status" });
  const slots = {
    studies: h("section", { class: "card studies", "aria-labelledby": "studies-title" }),
    layers: h("section", { class: "card layers", "aria-labelledby": "layers-title" }),
    banner: h("div", { class: "banners" }),
    toolbar: h("div", { class: "toolbar", role: "toolbar", "aria-label": "Picture" }),
    stage: h("div", { class: "stage" }, canvas),
    status: h("div", { class: "status" }),
    welcome: h("div", { class: "welcome" }),
    title: h("div", { class: "title" }),
    standing: h("div", { class: "standing" }),
    tools: h("div", { class: "tools" }),
  };
  const about = h("aside", { class: "about", "aria-label": "Report, questions, corrections and files" }, tablist, ...names.map((n) => panels[n]));
  fill(
    root,
    h("a", { class: "skip", href: "#picture", text: "Skip to the picture" }),
    h("header", { class: "top" }, h("h1", { class: "brand" }, h("span", { class: "mark", "aria-hidden": "true" }), "omnimri"), slots.title, slots.standing, slots.tools),
    h(
      "div",
      { class: "columns" },
      h("nav", { class: "side", "aria-label": "Studies and layers" }, slots.studies, slots.layers),
      h("main", { class: "centre" }, slots.banner, slots.toolbar, slots.stage, slots.status, slots.welcome),
      about,
    ),
    h("footer", { class: "foot", text: "Not a medical device. For research only. Nothing on this page leaves this server." }),
    live,
  );
  return { ...slots, canvas, panels, select, say: (text) => fill(live, text) };
}
