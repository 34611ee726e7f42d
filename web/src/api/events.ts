// A job's states as the server sends them.

import { api } from "./client";
import type { Job, JobState } from "./types";

const POLL_MS = 1500;

export function isFinal(state: JobState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** Tells each state until the last; the result stops the telling. */
export function follow(id: string, told: (job: Job) => void): () => void {
  let stopped = false;
  let timer: number | undefined;
  const tell = (job: Job) => {
    if (stopped) return;
    told(job);
    if (isFinal(job.state)) stop();
  };
  const events = new EventSource(api.eventsUrl(id));
  events.addEventListener("job", (e) => tell(JSON.parse((e as MessageEvent<string>).data) as Job));
  // A stream that is cut off (a proxy, a restart) is replaced by asking.
  events.onerror = () => {
    events.close();
    if (!stopped) poll();
  };
  const poll = () => {
    api
      .job(id)
      .then(tell)
      .catch(() => undefined)
      .finally(() => {
        if (!stopped) timer = window.setTimeout(poll, POLL_MS);
      });
  };
  const stop = () => {
    stopped = true;
    events.close();
    window.clearTimeout(timer);
  };
  return stop;
}
