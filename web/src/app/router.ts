import { createRouter, createWebHistory } from "vue-router";
import { useSession, whenUnauthenticated } from "@/api";
import { warmScreen } from "./screens";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/login", name: "login", component: () => import("@/features/login/LoginScreen.vue") },
    {
      path: "/",
      component: () => import("./AppShell.vue"),
      children: [
        { path: "-/settings/:section?", name: "settings", component: () => import("@/features/settings/SettingsScreen.vue") },
        { path: ":path(.*)*", name: "resource", component: () => import("./ResourcePage.vue") },
      ],
    },
  ],
  scrollBehavior: (to, _from, saved) => saved ?? (to.hash ? { el: to.hash } : undefined),
});

router.beforeEach(async (to) => {
  if (to.name === "resource") warmScreen(to.path);
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
  if (here.name !== "login") void router.push({ name: "login", query: { next: here.fullPath } });
});
