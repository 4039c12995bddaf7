import { computed, type WritableComputedRef } from "vue";
import { useRoute, useRouter } from "vue-router";

const one = (value: unknown): string => (Array.isArray(value) ? String(value[0] ?? "") : typeof value === "string" ? value : "");

/** Words of the query string that are changed together; empty words leave the URL. */
export function useUrl() {
  const route = useRoute();
  const router = useRouter();
  const read = (name: string) => one(route.query[name]);
  function write(change: Record<string, string>, push = false): void {
    const query = { ...route.query };
    for (const [name, value] of Object.entries(change)) {
      if (value === "") delete query[name];
      else query[name] = value;
    }
    void (push ? router.push({ query, hash: route.hash }) : router.replace({ query, hash: route.hash }));
  }
  return { read, write };
}

/** One word of the query string as a ref. `push` makes the back button undo it. */
export function useUrlState(name: string, push = false): WritableComputedRef<string> {
  const { read, write } = useUrl();
  return computed({ get: () => read(name), set: (value) => write({ [name]: value }, push) });
}
