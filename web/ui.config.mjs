// One place for the look that Nuxt UI is given; the build and the CSP hash of
// its colour style both read it.
/** @type {import("@nuxt/ui/unplugin").NuxtUIOptions["ui"]} */
export const ui = {
  colors: { primary: "indigo", secondary: "slate", success: "emerald", info: "sky", warning: "amber", error: "red", neutral: "zinc" },
  button: { defaultVariants: { size: "sm", color: "neutral", variant: "ghost" } },
  input: { defaultVariants: { size: "sm" } },
  textarea: { defaultVariants: { size: "sm" } },
  select: { defaultVariants: { size: "sm" } },
  selectMenu: { defaultVariants: { size: "sm" } },
  inputMenu: { defaultVariants: { size: "sm" } },
  dropdownMenu: { defaultVariants: { size: "sm" } },
  badge: { defaultVariants: { size: "sm", color: "neutral", variant: "subtle" } },
  switch: { defaultVariants: { size: "sm" } },
  slideover: { slots: { content: "shadow-none border-l border-default", overlay: "bg-black/25" } },
  modal: { slots: { overlay: "bg-black/25" } },
};
