// Choosing what to look at: files dropped or picked, and the studies that the server holds.

import { api, ApiError } from "../api/client";
import { follow, isFinal } from "../api/events";
import type { Job } from "../api/types";
import { upload } from "../api/upload";
import { button, fill, h, when } from "./dom";

const ACCEPTED = "NIfTI, DICOM (files, a folder or .zip), NRRD, MetaImage, PNG, JPEG, k-space (ISMRMRD, fastMRI, TWIX, npy)";

export interface Studies {
  /** The element that invites files; shown in the middle of an empty page. */
  invite(): HTMLElement;
  refresh(): Promise<void>;
  /** Marks the job that is open. */
  mark(id: string | null): void;
  send(files: File[]): Promise<void>;
}

interface Asked {
  open(job: Job): void;
  closed(id: string): void;
  say(text: string): void;
}

/** All files below what was dropped; folders are walked through. */
async function dropped(items: DataTransferItemList): Promise<File[]> {
  const entries = [...items].map((i) => i.webkitGetAsEntry()).filter((e) => e !== null);
  const walk = async (entry: FileSystemEntry): Promise<File[]> => {
    if (entry.isFile) return [await new Promise<File>((done, no) => (entry as FileSystemFileEntry).file(done, no))];
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const out: File[] = [];
    // A reader gives its entries in parts, the last of them empty.
    for (;;) {
      const part = await new Promise<FileSystemEntry[]>((done, no) => reader.readEntries(done, no));
      if (part.length === 0) return out;
      for (const e of part) out.push(...(await walk(e)));
    }
  };
  return (await Promise.all(entries.map(walk))).flat();
}

export function studies(slot: HTMLElement, asked: Asked): Studies {
  let jobs: Job[] = [];
  let current: string | null = null;
  let sending: { name: string; part: number } | null = null;
  let trouble: string | null = null;
  const followed = new Map<string, () => void>();
  const list = h("ul", { class: "jobs" });
  const notes = h("div", { class: "notes" });

  const picker = (folder: boolean) => {
    const input = h("input", { type: "file", multiple: true, class: "sr-only", tabindex: "-1", "aria-hidden": "true", webkitdirectory: folder });
    input.addEventListener("change", () => {
      void send([...(input.files ?? [])]);
      input.value = "";
    });
    return input;
  };
  const [files, folder] = [picker(false), picker(true)];
  files.dataset["role"] = "files";

  const send = async (chosen: File[]) => {
    if (chosen.length === 0) return;
    const name = chosen.length === 1 ? chosen[0]!.name : `${chosen[0]!.name} and ${chosen.length - 1} more`;
    trouble = null;
    sending = { name, part: 0 };
    asked.say(`Sending ${name}`);
    draw();
    try {
      const job = await upload(chosen, name, (part) => {
        sending = { name, part };
        draw();
      });
      sending = null;
      hear(job);
      watch(job, true);
    } catch (e) {
      sending = null;
      trouble = e instanceof ApiError ? e.said : String(e);
      asked.say(trouble);
      draw();
    }
  };

  const hear = (job: Job) => {
    const at = jobs.findIndex((j) => j.id === job.id);
    if (at < 0) jobs = [job, ...jobs];
    else jobs[at] = job;
    draw();
  };

  const watch = (job: Job, opens: boolean) => {
    let stage = "";
    followed.get(job.id)?.();
    followed.set(
      job.id,
      follow(job.id, (now) => {
        hear(now);
        if (now.stage !== stage && !isFinal(now.state)) asked.say(`${now.name}: ${now.stage}`);
        stage = now.stage;
        if (!isFinal(now.state)) return;
        followed.delete(job.id);
        asked.say(`${now.name}: ${now.state}`);
        if (now.state === "done" && opens) asked.open(now);
      }),
    );
  };

  const remove = async (job: Job) => {
    const running = !isFinal(job.state);
    if (!running && !confirm(`Remove ${job.name}, its results and its corrections from the server for good?`)) return;
    followed.get(job.id)?.();
    followed.delete(job.id);
    await api.remove(job.id);
    jobs = jobs.filter((j) => j.id !== job.id);
    asked.closed(job.id);
    draw();
  };

  const bar = (part: number, words: string) =>
    h("span", { class: "progress", role: "progressbar", "aria-label": words, "aria-valuenow": Math.round(100 * part), "aria-valuemin": 0, "aria-valuemax": 100 },
      h("span", { style: { width: `${Math.round(100 * part)}%` } }));

  const row = (job: Job) => {
    const busy = !isFinal(job.state);
    const words = job.state === "failed" ? (job.error?.message ?? "failed") : busy ? job.stage || job.state : when(job.finished ?? job.created);
    const opens = job.state === "done";
    const body = [h("span", { class: "name", text: job.name }), h("span", { class: `when ${job.state}`, text: words })];
    const main = opens
      ? h("button", { type: "button", class: "job", "aria-current": job.id === current ? "true" : undefined, on: { click: () => asked.open(job) } }, ...body)
      : h("div", { class: "job" }, ...body, busy && bar(job.progress, `${job.name}: ${words}`), job.error?.hint !== undefined && h("span", { class: "when", text: job.error.hint }));
    const label = busy ? `Cancel ${job.name}` : `Remove ${job.name}`;
    return h("li", {}, main, button("×", () => void remove(job), { class: "quiet remove", "aria-label": label, title: label }));
  };

  const draw = () => {
    fill(
      notes,
      sending !== null && h("div", { class: "sending" }, h("span", { text: `Sending ${sending.name} · ${Math.round(100 * sending.part)}%` }), bar(sending.part, `Sending ${sending.name}`)),
      trouble !== null && h("p", { class: "trouble", role: "alert", text: trouble }),
    );
    fill(list, ...jobs.map(row));
    empty.hidden = jobs.length > 0 || sending !== null;
  };

  const empty = h("p", { class: "hint", text: "No studies yet." });
  const buttons = () =>
    h("div", { class: "row" }, button("Open files…", () => files.click(), { class: "primary" }), button("Open a folder…", () => folder.click()));
  const invite = () =>
    h("div", { class: "invite" }, h("p", { class: "big", text: "Drop a scan here" }), h("p", { class: "hint", text: ACCEPTED }), buttons());

  fill(slot, h("h2", { id: "studies-title", text: "Studies" }), h("div", { class: "row compact" }, button("Open…", () => files.click(), { class: "primary", title: "Open files" }), button("Folder…", () => folder.click(), { title: "Open a folder of DICOM files" })), files, folder, notes, empty, list);

  // The whole window takes files.
  let depth = 0;
  const over = (on: boolean) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", (e) => {
    e.preventDefault();
    depth += 1;
    over(true);
  });
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) over(false);
  });
  addEventListener("drop", (e) => {
    e.preventDefault();
    depth = 0;
    over(false);
    if (e.dataTransfer !== null) void dropped(e.dataTransfer.items).then(send);
  });

  const refresh = async () => {
    try {
      jobs = await api.jobs();
      trouble = null;
    } catch (e) {
      trouble = e instanceof ApiError ? e.said : String(e);
    }
    for (const job of jobs) if (!isFinal(job.state) && !followed.has(job.id)) watch(job, false);
    draw();
  };
  return {
    invite,
    refresh,
    send,
    mark: (id) => {
      current = id;
      draw();
    },
  };
}
