// Requests to the server this page came from; never to another.

import type { Answer, FileEntry, Job, NewVersion, Result, Version } from "./types";

/** What a refused request says. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  /** The message with its hint. */
  get said(): string {
    return this.hint === null ? this.message : `${this.message} ${this.hint}`;
  }
}

const TOKEN = "omnimri.token";
let askForToken: (() => Promise<string | null>) | null = null;

/** Where a person is asked for a token when the server wants one. */
export function onTokenWanted(ask: () => Promise<string | null>): void {
  askForToken = ask;
}

export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

export function authorization(): Record<string, string> {
  const t = token();
  return t === null ? {} : { Authorization: `Bearer ${t}` };
}

/** Asks for a token; true if there is a new one. */
export async function renewToken(): Promise<boolean> {
  const given = askForToken === null ? null : await askForToken();
  if (given === null || given === "") return false;
  sessionStorage.setItem(TOKEN, given);
  return true;
}

/** An address that the browser fetches itself, where no header can be sent. */
export function withToken(path: string): string {
  const t = token();
  if (t === null) return path;
  return `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(t)}`;
}

/** The error of a reply, whatever its body. */
export function refusal(status: number, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error: { message: string; hint?: string } };
    return new ApiError(status, error.message, error.hint ?? null);
  } catch {
    return new ApiError(status, `the server answered ${status}`);
  }
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const send = () => fetch(path, { ...init, headers: { ...init.headers, ...authorization() } });
  let reply: Response;
  try {
    reply = await send();
    if (reply.status === 401 && (await renewToken())) reply = await send();
  } catch {
    throw new ApiError(0, "The server does not answer.", "Is omnimri serve still running?");
  }
  if (!reply.ok) throw refusal(reply.status, await reply.text());
  return reply;
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await request(path, init)).json()) as T;
}

function post(body: unknown): RequestInit {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

const job = (id: string) => `/v1/jobs/${encodeURIComponent(id)}`;
const of = (series: string | null) => (series === null ? "" : `?series=${encodeURIComponent(series)}`);
const parts = (path: string) => path.split("/").map(encodeURIComponent).join("/");

export interface Health {
  status: string;
  version: string;
  model: { name: string; version: string; sha256: string };
}

export const api = {
  health: () => json<Health>("/health"),
  jobs: async () => (await json<{ jobs: Job[] }>("/v1/jobs")).jobs,
  job: (id: string) => json<Job>(job(id)),
  remove: (id: string) => request(job(id), { method: "DELETE" }),
  result: (id: string, series: string | null) => json<Result>(`${job(id)}/result${of(series)}`),
  files: async (id: string) => (await json<{ files: FileEntry[] }>(`${job(id)}/files`)).files,
  fileUrl: (id: string, path: string) => withToken(`${job(id)}/files/${parts(path)}`),
  file: async (id: string, path: string) => (await request(`${job(id)}/files/${parts(path)}`)).arrayBuffer(),
  ask: (id: string, question: string, series: string | null) =>
    json<Answer>(`${job(id)}/questions`, post(series === null ? { question } : { question, series })),
  versions: async (id: string, series: string | null) =>
    (await json<{ versions: Version[] }>(`${job(id)}/versions${of(series)}`)).versions,
  correct: (id: string, version: NewVersion) => json<Version>(`${job(id)}/versions`, post(version)),
  versionFile: async (id: string, number: number, path: string, series: string | null) =>
    (await request(`${job(id)}/versions/${number}/files/${parts(path)}${of(series)}`)).arrayBuffer(),
  trainingUrl: (id: string, series: string | null) => withToken(`${job(id)}/training${of(series)}`),
  eventsUrl: (id: string) => withToken(`${job(id)}/events`),
};
