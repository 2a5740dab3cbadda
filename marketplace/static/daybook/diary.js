// Marks the segment whose detail stands in the side panel. Everything works without this file.
(function () {
  "use strict";
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target.id !== "detail") return;
    document.querySelectorAll(".tile[aria-current]").forEach(function (tile) {
      tile.removeAttribute("aria-current");
    });
    var chosen = event.detail.requestConfig.elt;
    if (chosen) chosen.setAttribute("aria-current", "true");
  });
})();
