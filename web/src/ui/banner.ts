// What must be known before anything is read: preliminary or accepted, and whether sides and millimetres may be trusted.

import type { Session } from "../session";
import { fill, h, when } from "./dom";

export function banners(slot: HTMLElement, standing: HTMLElement, session: Session): void {
  const draw = () => {
    const { result, latest } = session;
    if (result === null) {
      fill(slot);
      fill(standing, h("span", { class: "pill", text: "Not a medical device" }));
      return;
    }
    const accepted = latest?.accepted === true;
    const text = accepted
      ? `Accepted by ${latest.author ?? "a reader"}, ${when(latest.when)} · not a medical device`
      : "Preliminary · not a medical device";
    fill(standing, h("span", { class: accepted ? "pill accepted" : "pill preliminary", id: "standing", text }));
    const sides = session.orientationKnown;
    const mm = session.spacingKnown;
    const off = [!sides && "side letters are hidden", !mm && "measurements in millimetres are off"].filter((t) => t !== false);
    const why = geometryWarning(result.warnings) ?? "The input does not say how the patient lies or how large a pixel is.";
    fill(
      slot,
      off.length > 0 &&
        h("div", { class: "banner", id: "geometry-banner", role: "note" }, h("strong", { text: `${capital(off.join(" and "))}. ` }), why, sides ? "" : " The image is shown as it is stored."),
      ...result.warnings.filter((w) => w !== geometryWarning(result.warnings)).map((w) => h("div", { class: "banner mild", role: "note", text: w })),
    );
  };
  for (const event of ["opened", "closed", "versions"] as const) session.on(event, draw);
  draw();
}

function geometryWarning(warnings: string[]): string | undefined {
  return warnings.find((w) => /not trusted/i.test(w));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
