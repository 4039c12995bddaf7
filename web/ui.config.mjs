// One place for the look that Nuxt UI is given; the build and the CSP hash of
// its colour style both read it.
/** @type {import("@nuxt/ui/unplugin").NuxtUIOptions["ui"]} */
export const ui = {
  colors: { primary: "indigo", secondary: "slate", success: "emerald", info: "sky", warning: "amber", error: "red", neutral: "zinc" },
  button: {
    defaultVariants: { size: "sm", color: "neutral", variant: "ghost" },
    // The usual 75 % under the pointer is too pale for white text.
    compoundVariants: [
      { color: "primary", variant: "solid", class: "hover:bg-primary/90 active:bg-primary/90" },
      { color: "error", variant: "solid", class: "hover:bg-error/90 active:bg-error/90" },
    ],
  },
  input: { defaultVariants: { size: "sm" } },
  textarea: { defaultVariants: { size: "sm" } },
  select: { defaultVariants: { size: "sm" } },
  selectMenu: { defaultVariants: { size: "sm" } },
  inputMenu: { defaultVariants: { size: "sm" } },
  dropdownMenu: { defaultVariants: { size: "sm" } },
  badge: { defaultVariants: { size: "sm", color: "neutral", variant: "subtle" } },
  switch: { defaultVariants: { size: "sm" } },
  slideover: { slots: { content: "shadow-none border-l border-default", overlay: "bg-black/25" } },
  modal: { variants: { overlay: { true: { overlay: "bg-black/25" } } } },
};
