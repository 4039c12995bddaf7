import { createRouter, createWebHistory } from "vue-router";
import { api, keys, useSession, whenUnauthenticated } from "@/api";
import AppShell from "./AppShell.vue";
import { queryClient } from "./queryClient";
import ResourcePage from "./ResourcePage.vue";
import { warmScreen } from "./screens";

/** Fetches code and node of a path while it is still being asked who is signed in. */
function warm(path: string): void {
  warmScreen(path);
  const node = decodeURI(path).replace(/\/$/, "");
  if (node) void queryClient.prefetchQuery({ queryKey: keys.node(node), queryFn: () => api.tree.node(node) });
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/login", name: "login", component: () => import("@/features/login/LoginScreen.vue") },
    {
      path: "/",
      component: AppShell,
      children: [
        { path: "-/settings/:section?", name: "settings", component: () => import("@/features/settings/SettingsScreen.vue") },
        { path: "-/api", name: "api", component: () => import("@/features/explorer/ApiScreen.vue") },
        // Without this the empty path would be the shell alone.
        { path: "", name: "start", component: ResourcePage },
        { path: ":path(.*)*", name: "resource", component: ResourcePage },
      ],
    },
  ],
  scrollBehavior: (to, _from, saved) => saved ?? (to.hash ? { el: to.hash } : undefined),
});

router.beforeEach(async (to) => {
  if (to.name === "resource") warm(to.path);
  const session = useSession();
  try {
    await session.load();
  } catch {
    // The server cannot be reached: each screen says so at its place.
    return true;
  }
  if (!session.user && to.name !== "login") return { name: "login", query: { next: to.fullPath } };
  if (session.user && to.name === "login") return "/";
  return true;
});

whenUnauthenticated(() => {
  const session = useSession();
  if (!session.user) return;
  session.forget();
  const here = router.currentRoute.value;
  if (here.name !== "login") void router.push({ name: "login", query: { next: here.fullPath, ended: "1" } });
});
