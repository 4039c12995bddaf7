import { defineStore } from "pinia";
import { computed, ref } from "vue";
import * as api from "./client";
import { forgetEarly } from "./early";
import { ApiError } from "./http";
import type { SessionInfo } from "./types";

/** Who is signed in. */
export const useSession = defineStore("session", () => {
  const info = ref<SessionInfo | null>(null);
  const known = ref(false);
  const user = computed(() => info.value?.user ?? null);

  /** Asks the server once; nobody signed in is an answer, not an error. */
  async function load(): Promise<void> {
    if (known.value) return;
    try {
      info.value = await api.session.get();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      forget();
    }
    known.value = true;
  }

  async function login(name: string, password: string): Promise<void> {
    info.value = await api.session.login(name, password);
    forgetEarly();
    known.value = true;
  }

  async function patch(change: api.SessionPatch): Promise<void> {
    info.value = await api.session.patch(change);
  }

  async function logout(): Promise<void> {
    await api.session.logout();
    forget();
  }

  function forget(): void {
    info.value = null;
    known.value = true;
    forgetEarly();
  }

  return { info, user, load, login, patch, logout, forget };
});
