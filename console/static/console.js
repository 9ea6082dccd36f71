// Times in the reader's own zone; forms are sent once; a tab that nobody sees keeps no connection.
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
  // what is swapped takes the focus along by its id (htmx does that); where it is gone, the page's content gets it
  let focused = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    focused = event.detail.target.contains(document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (focused && document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
    focused = false;
  });
  // browsers allow six connections to one address, those of all tabs together: only tabs that are seen hold theirs
  htmx.createEventSource = (url) => {
    const heard = [];
    let source = null;
    const live = {
      addEventListener: (name, listener) => {
        heard.push([name, listener]);
        source?.addEventListener(name, listener);
      },
      removeEventListener: (name, listener) => {
        heard.splice(heard.findIndex((one) => one[0] === name && one[1] === listener), 1);
        source?.removeEventListener(name, listener);
      },
      close: () => {
        document.removeEventListener("visibilitychange", turn);
        source?.close();
      },
      get readyState() { return source ? source.readyState : EventSource.CONNECTING; },
    };
    const turn = () => {
      source?.close();
      source = null;
      if (document.hidden) return;
      source = new EventSource(url);
      source.onopen = (event) => live.onopen?.(event);
      source.onerror = (event) => {
        if (event.target.readyState === EventSource.CLOSED) document.removeEventListener("visibilitychange", turn);
        live.onerror?.(event);
      };
      for (const [name, listener] of heard) source.addEventListener(name, listener);
    };
    document.addEventListener("visibilitychange", turn);
    turn();
    return live;
  };
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
