/**
 * A listbox holds options and nothing else (WAI-ARIA 1.2, section 5.4); the select of Nuxt UI 4 puts the input that
 * searches into it. Once that input has the focus, the role goes to where the options are.
 */
export function mendSearchLists(): void {
  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLInputElement) || target.role !== "combobox") return;
    const list = target.closest("[role=listbox]");
    const options = list?.querySelector("[data-slot=viewport]");
    if (!list || !options) return;
    for (const name of ["role", "aria-orientation", "aria-multiselectable"]) {
      const value = list.getAttribute(name);
      list.removeAttribute(name);
      if (value) options.setAttribute(name, value);
    }
    options.id = `${list.id}-options`;
    options.setAttribute("aria-label", target.placeholder);
    target.setAttribute("aria-controls", options.id);
  });
}
