// Shortcuts: what they do, and the panel that says so. Single keys can be switched off.

import { button, checkbox, fill, h } from "./dom";

export interface Shortcut {
  keys: string[];
  /** As shown. */
  shown: string;
  words: string;
  act: () => void;
}

const OFF = "omnimri.keys.off";

/** Listens before NiiVue does, so that one key never does two things. */
export function listen(shortcuts: Shortcut[]): void {
  addEventListener(
    "keydown",
    (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const at = e.target instanceof HTMLElement ? e.target : document.body;
      if (at.closest("input, textarea, select, dialog, [role=tablist]") !== null) return;
      const isCharacter = e.key.length === 1;
      if (isCharacter && localStorage.getItem(OFF) !== null) return;
      const arrows = e.key.startsWith("Arrow") || e.key.startsWith("Page");
      // Outside the picture the arrow keys scroll, as everywhere.
      if (arrows && at.id !== "picture" && at !== document.body) return;
      const shortcut = shortcuts.find((s) => s.keys.includes(isCharacter ? e.key.toLowerCase() : e.key));
      if (shortcut === undefined) return;
      e.preventDefault();
      e.stopPropagation();
      shortcut.act();
    },
    { capture: true },
  );
}

export function showHelp(shortcuts: Shortcut[]): void {
  const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" });
  const off = localStorage.getItem(OFF) !== null;
  fill(dialog,
    h("header", { class: "row spread" }, h("h2", { id: "help-title", text: "Keys and mouse" }), button("Close", () => dialog.close(), { title: "Close (Esc)" })),
    h("dl", { class: "keys" }, ...shortcuts.flatMap(({ shown, words }) => [h("dt", {}, ...shown.split(" ").map((k) => h("kbd", { text: k }))), h("dd", { text: words })]),
      h("dt", { text: "Drag" }), h("dd", { text: "what the chosen tool does; the right button sets window and level, Ctrl moves the picture" }),
      h("dt", { text: "Wheel" }), h("dd", { text: "through the slices; with “Pan and zoom” it zooms" })),
    checkbox("Single-key shortcuts", !off, (on) => (on ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"))),
    h("p", { class: "hint", text: "Letters stand for the patient's left, right, front (anterior), back (posterior), top (superior) and bottom (inferior), from the file's own geometry." }));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Asks for the server's token; null if none is given. */
export function askToken(): Promise<string | null> {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", id: "token", autocomplete: "off", required: true });
    const dialog = h("dialog", { "aria-labelledby": "token-title" },
      h("form", { method: "dialog" }, h("h2", { id: "token-title", text: "This server asks for a token" }),
        h("label", { class: "field" }, h("span", { text: "Token" }), input), h("div", { class: "row" }, h("button", { class: "primary", value: "ok", text: "Continue" }))));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "ok" && input.value !== "" ? input.value : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
