// Elements in a line. Text is always text: nothing that the server sends becomes markup.

type Child = Node | string | null | false | undefined;

interface Props {
  class?: string;
  text?: string;
  on?: { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
  style?: Partial<Record<string, string>>;
  [attribute: string]: unknown;
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: name, text, on, style, ...attributes } = props;
  if (name !== undefined) element.className = name;
  if (text !== undefined) element.textContent = text;
  for (const [property, value] of Object.entries(style ?? {})) element.style.setProperty(property, value ?? null);
  for (const [event, hear] of Object.entries(on ?? {})) element.addEventListener(event, hear as EventListener);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    element.setAttribute(attribute, value === true ? "" : String(value));
  }
  element.append(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
  return element;
}

export function button(label: string, press: () => void, props: Props = {}): HTMLButtonElement {
  return h("button", { type: "button", ...props, on: { click: press, ...props.on } }, label);
}

export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((c): c is Node | string => c !== null && c !== undefined && c !== false));
}

/** A switch with its words. */
export function checkbox(label: string, checked: boolean, changed: (on: boolean) => void, props: Props = {}): HTMLLabelElement {
  const input = h("input", { type: "checkbox", ...props });
  input.checked = checked;
  input.addEventListener("change", () => changed(input.checked));
  return h("label", { class: "check" }, input, h("span", { text: label }));
}

export function swatch(colour: string, hollow = false): HTMLSpanElement {
  return h("span", { class: hollow ? "swatch hollow" : "swatch", "aria-hidden": "true", style: { "--colour": colour } });
}

export function percent(p: number): string {
  const v = 100 * p;
  if (v > 0 && v < 1) return "<1%";
  if (v > 99 && v < 100) return ">99%";
  return `${Math.round(v)}%`;
}

export function when(iso: string | null): string {
  if (iso === null) return "";
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function amount(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1 << 20) return `${(bytes / 1024).toFixed(0)} KiB`;
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
