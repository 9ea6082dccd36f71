// Times in the reader's own zone; forms are sent once.
(() => {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      time.title = time.textContent;
      time.textContent = format.format(new Date(time.dateTime));
      time.dataset.local = "yes";
    }
  };
  localise(document);
  document.addEventListener("htmx:afterSettle", () => localise(document));
  document.addEventListener("htmx:sseMessage", () => localise(document));
  document.addEventListener("htmx:afterSwap", (event) => {
    localise(document);
    event.target.removeAttribute("aria-busy");
  });
  document.addEventListener("submit", (event) => {
    for (const button of event.target.querySelectorAll("button.main")) {
      setTimeout(() => { button.disabled = true; }, 0);
    }
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button.main[disabled]")) button.disabled = false;
  });
  const zone = format.resolvedOptions().timeZone;
  if (zone) {
    for (const input of document.querySelectorAll("input[name=zone]")) input.value = zone;
    for (const text of document.querySelectorAll("[data-zone-text]")) text.textContent = `(${zone})`;
  }
  for (const all of document.querySelectorAll("input[data-all]")) {
    all.addEventListener("change", () => {
      for (const one of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) one.checked = all.checked;
    });
  }
})();
