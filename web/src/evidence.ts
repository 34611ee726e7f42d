// Which parts of the picture and of the result a sentence rests on, and how sure the result is of what it says.

import type { Fact, Finding, Result, Version } from "./api/types";

/** Below this a finding is shown as uncertain, and no sentence about it stands in the impression. */
export const LOW = 0.5;

export interface Targets {
  /** Values of the label map. */
  labels: number[];
  /** Indices of findings. */
  findings: number[];
  diagnosis: boolean;
  acquisition: boolean;
}

function names(text: string, label: string): boolean {
  return text.toLowerCase().includes(label.toLowerCase());
}

/** Masks, boxes, classes and header fields behind a sentence. */
export function targets(fact: Fact, result: Result): Targets {
  const parts = fact.evidence.split(";").map((p) => p.trim());
  const positive = parts.filter((p) => !p.includes("not outlined") && !p.startsWith("no "));
  const said = [fact.claim, ...positive].join("; ");
  const findings = result.findings.flatMap((f, n) => (names(said, f.label) ? [n] : []));
  let labels = result.anatomy.flatMap((a) => (names(said, a.label) ? [a.value] : []));
  const measured = positive.some((p) => p.startsWith("mask") || p.startsWith("measured"));
  if (measured && findings.length === 0 && labels.length === 0) {
    // "An enhancing mass is seen": the sentence names no class, so it speaks of what was outlined.
    findings.push(...result.findings.keys());
    if (findings.length === 0) labels = result.anatomy.map((a) => a.value);
  }
  labels.push(...findings.flatMap((n) => result.findings[n]?.value ?? []));
  return {
    labels,
    findings,
    diagnosis: positive.some((p) => p.startsWith("class head")),
    acquisition: positive.some((p) => p.startsWith("header")),
  };
}

export function isLow(finding: Finding): boolean {
  return finding.probability < LOW;
}

/** Identifiers of findings and structures in corrections. */
export const findingId = (n: number) => `f${n}`;
export const anatomyId = (n: number) => `a${n}`;

/** A sentence of a section with its check, where one was kept. */
export interface Sentence {
  text: string;
  fact: Fact | null;
}

/** A section's text cut into the sentences that were checked; what lies between them is kept as it is. */
export function sentences(text: string, facts: Fact[]): Sentence[] {
  const out: Sentence[] = [];
  let rest = text;
  while (rest.length > 0) {
    let at = rest.length;
    let found: Fact | null = null;
    for (const fact of facts) {
      const i = fact.claim === "" ? -1 : rest.indexOf(fact.claim);
      const better = i >= 0 && (i < at || (i === at && fact.claim.length > (found?.claim.length ?? 0)));
      if (better) [at, found] = [i, fact];
    }
    const before = rest.slice(0, at).trim();
    if (before !== "") out.push({ text: before, fact: null });
    if (found === null) break;
    out.push({ text: found.claim, fact: found });
    rest = rest.slice(at + found.claim.length);
  }
  return out;
}

/** Why a sentence may not stand in the impression; null if it may. */
export function barred(sentence: Sentence, result: Result, version: Version | null): string | null {
  if (sentence.fact !== null && !sentence.fact.verified) return "not confirmed by the check";
  for (const [n, finding] of result.findings.entries()) {
    if (!names(sentence.text, finding.label)) continue;
    const corrected = version?.findings?.find((f) => f.id === findingId(n));
    if (corrected?.state === "rejected") return `${finding.label}: rejected by ${version?.author ?? "a reader"}`;
    const vouched = corrected !== undefined && corrected.state !== "predicted";
    if (isLow(finding) && !vouched) return `${finding.label}: low confidence`;
  }
  const answer = result.diagnosis[0];
  const favours = answer !== undefined && names(sentence.text, answer.label);
  if (favours && answer.probability < LOW) return `${answer.label}: low confidence`;
  return null;
}
