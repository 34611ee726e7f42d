// Files to a job. XMLHttpRequest, because fetch does not tell how much has been sent.

import { authorization, refusal, renewToken, ApiError } from "./client";
import type { Job } from "./types";

function send(form: FormData, told: (sent: number) => void): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/jobs");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.onprogress = (e) => {
      if (e.lengthComputable) told(e.loaded / e.total);
    };
    request.onload = () => resolve({ status: request.status, body: request.responseText });
    request.onerror = () => reject(new ApiError(0, "The upload was cut off.", "Is omnimri serve still running?"));
    request.send(form);
  });
}

/** Several files are one study. `told` hears the part that has been sent, 0 to 1. */
export async function upload(files: File[], name: string, told: (sent: number) => void): Promise<Job> {
  const form = new FormData();
  form.append("name", name);
  for (const file of files) form.append("file", file, file.name);
  let reply = await send(form, told);
  if (reply.status === 401 && (await renewToken())) reply = await send(form, told);
  if (reply.status < 200 || reply.status > 299) throw refusal(reply.status, reply.body);
  return JSON.parse(reply.body) as Job;
}
