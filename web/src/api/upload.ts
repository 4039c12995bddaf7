import { ApiError, queryString, urlPath } from "./http";
import type { Problem, StoredFile } from "./types";

/** An upload under way: what becomes of it, and a way to stop it. */
export type Upload = { done: Promise<StoredFile>; cancel: () => void };

function refusal(request: XMLHttpRequest): ApiError {
  const trace = request.getResponseHeader("x-trace-id") ?? "";
  try {
    return new ApiError({ ...(JSON.parse(request.responseText) as Problem), status: request.status });
  } catch {
    return new ApiError({ status: request.status, code: `http_${request.status}`, title: request.statusText, trace });
  }
}

/** Brings a file to a path; `progress` hears which part of it has gone. `fetch` cannot tell that yet. */
export function upload(path: string, file: File, progress: (part: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<StoredFile>((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText) as StoredFile);
      else reject(refusal(request));
    });
    request.addEventListener("error", () => reject(new ApiError({ code: "network", title: "", status: 0 })));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    request.open("POST", `/api/v1/files/${urlPath(path)}${queryString({ name: file.name })}`);
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}
