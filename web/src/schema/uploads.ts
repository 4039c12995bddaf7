import { reactive } from "vue";
import type { StoredFile } from "@/api";
import { upload } from "@/api/upload";

/** A file on its way, as a list shows it. */
export type Going = { key: number; name: string; part: number; cancel: () => void };

/** Whether a field that says `accept` takes a file, as the server has it. */
export function isTaken(accept: string | null | undefined, file: { name: string; type: string }): boolean {
  if (!accept) return true;
  const name = file.name.toLowerCase();
  return accept.split(",").some((part) => {
    const wish = part.trim().toLowerCase();
    if (wish === "") return false;
    if (wish === "*/*") return true;
    if (wish.endsWith("/*")) return file.type.startsWith(wish.slice(0, -1));
    return wish.startsWith(".") ? name.endsWith(wish) : file.type === wish;
  });
}

/** Uploads of one field: each shows how far it is and can be stopped. */
export function useUploads(path: () => string) {
  const going = reactive<Going[]>([]);
  let last = 0;
  async function send(file: File): Promise<StoredFile> {
    const key = (last += 1);
    const { done, cancel } = upload(path(), file, (part) => {
      const entry = going.find((one) => one.key === key);
      if (entry) entry.part = part;
    });
    going.push({ key, name: file.name, part: 0, cancel });
    try {
      return await done;
    } finally {
      const at = going.findIndex((one) => one.key === key);
      if (at >= 0) going.splice(at, 1);
    }
  }
  return { going, send, stop: () => going.forEach((one) => one.cancel()) };
}
