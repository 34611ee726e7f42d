// What lies over the image: which labels, how strong, filled or outlined.

import type { Session } from "../session";
import { css } from "../palette";
import { checkbox, fill, h, swatch } from "./dom";

export function layersPanel(slot: HTMLElement, session: Session): void {
  const draw = () => {
    slot.hidden = session.result === null;
    if (session.result === null) return;
    const { layers, outlined } = session;
    const opacity = h("input", { type: "range", min: 0, max: 1, step: 0.05, id: "opacity", "aria-label": "Opacity of the overlay" });
    opacity.value = String(layers.opacity);
    opacity.addEventListener("input", () => session.change({ opacity: Number(opacity.value) }));
    const toggle = (value: number, on: boolean) => {
      const hidden = new Set(layers.hidden);
      if (on) hidden.delete(value);
      else hidden.add(value);
      session.change({ hidden });
    };
    const row = ({ id, label, value, colour, low, rejected }: Session["outlined"][number]) => {
      const words = rejected ? `${label} (rejected)` : low ? `${label} (low confidence)` : label;
      const box = checkbox(words, !layers.hidden.has(value) && !rejected, (on) => toggle(value, on), { "data-label": id, disabled: rejected });
      box.insertBefore(swatch(css(colour), low), box.lastChild);
      return h("li", {}, box);
    };
    fill(
      slot,
      h("h2", { id: "layers-title", text: "Layers" }),
      h("div", { class: "row spread" }, checkbox("Overlay", layers.masks, (masks) => session.change({ masks }), { id: "overlay" }), opacity),
      h("div", { class: "row" }, checkbox("Outline", layers.outline, (outline) => session.change({ outline })), checkbox("Boxes", layers.boxes, (boxes) => session.change({ boxes }))),
      outlined.length > 0 ? h("ul", { class: "labels" }, ...outlined.map(row)) : h("p", { class: "hint", text: "Nothing was outlined." }),
    );
  };
  // Moving the slider must not replace it under the finger, so its own change is not drawn.
  session.on("layers", () => {
    if (document.activeElement?.id !== "opacity") keepFocus(slot, draw);
  });
  session.on("opened", draw);
  session.on("closed", draw);
  session.on("versions", draw);
  draw();
}

/** Draws anew and gives the focus back to the element of the same name. */
export function keepFocus(slot: HTMLElement, draw: () => void): void {
  const active = document.activeElement;
  const key = active instanceof HTMLElement && slot.contains(active) ? (active.dataset["label"] ?? active.id) : null;
  draw();
  if (key !== null && key !== "") slot.querySelector<HTMLElement>(`[data-label="${CSS.escape(key)}"], #${CSS.escape(key)}`)?.focus();
}
