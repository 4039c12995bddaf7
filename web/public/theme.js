// Runs before the first paint, so the page never flashes in the wrong theme.
(function () {
  var wanted = "system";
  var language = "";
  try {
    wanted = localStorage.getItem("kageos.theme") || "system";
    language = localStorage.getItem("kageos.locale") || "";
  } catch (_) {
    // Storage can be forbidden; the system's theme is then right.
  }
  var dark = wanted === "dark" || (wanted === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.add(dark ? "dark" : "light");
  if (language) document.documentElement.lang = language;
})();
