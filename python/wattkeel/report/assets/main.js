"use strict";
// Puts the page together: toolbar, jumps to worst moments, link to a view, theme, print.
(() => {
  const root = document.documentElement;
  const MOST_WORST = 8;

  function button(label, title, act, kind) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.title = title;
    if (title && label.length < 3) made.setAttribute("aria-label", title);
    if (kind) made.className = kind;
    made.addEventListener("click", act);
    return made;
  }

  function start() {
    const data = JSON.parse(document.getElementById("wattkeel-data").textContent);
    root.classList.add("script"); // from here on the live charts have a width
    const bar = document.getElementById("bar"), status = document.createElement("span");
    status.className = "status";
    const shown = { time: null };
    let group = null, quiet = true;

    const say = () => {
      const digits = Charts.decimals(Math.max(shown.step, data.tick) * 1.0001);
      const range = `${Charts.clock(shown.a, digits, data.long)}\u2013${Charts.clock(shown.b, digits, data.long)}${data.long ? "" : " s"}`;
      const cell = `steps of ${Charts.length(shown.step)}`;
      const held = shown.held > shown.step * 1.01 ? `, some signals ${Charts.length(shown.held)}` : "";
      const cursor = shown.time === null ? "" : `t = ${Charts.clock(shown.time, digits, data.long)}${data.long ? "" : " s"}  \u00b7  `;
      status.textContent = `${cursor}${range}  \u00b7  ${cell}${held}`;
    };
    const report = (news) => {
      if (news.a === undefined && shown.a === undefined) return;
      Object.assign(shown, news);
      if (news.a !== undefined) {
        root.dataset.view = `${news.a},${news.b},${news.step}`;
        if (!quiet) remember(news);
      }
      say();
    };
    const remember = (news) => {
      try {
        history.replaceState(null, "", news.whole ? location.pathname + location.search : `#t=${+news.a.toFixed(6)},${+news.b.toFixed(6)}`);
      } catch { /* a page in a frame or from a protected place has no history; the view works without */ }
    };
    const fromLink = () => {
      const found = /^#t=([\d.]+),([\d.]+)$/.exec(location.hash);
      if (!found || !group) return false;
      group.show(+found[1], +found[2]);
      return true;
    };

    if (data.panels.length && data.end > 0) {
      group = new Charts.Group(data, document.getElementById("panels"), report);
      bar.append(
        button("Whole run", "Show the whole run (0)", () => group.reset()),
        button("\u2212", "Zoom out (\u2212)", () => group.zoom(2)), button("+", "Zoom in (+)", () => group.zoom(0.5)),
        button("\u25c0", "Earlier (\u2190)", () => group.pan(-0.4)), button("\u25b6", "Later (\u2192)", () => group.pan(0.4)),
      );
      const worst = data.marks.filter((mark) => mark.kind !== "event").slice(0, MOST_WORST);
      if (worst.length) bar.append(Object.assign(document.createElement("span"), { className: "gap" }), "Worst moment:");
      for (const mark of worst) bar.append(button(mark.label, `Show ${mark.label} at ${mark.t} s`, () => group.moveTo(mark.t, mark.half), mark.kind));
      bar.append(status);
      for (const jump of document.querySelectorAll("button.jump")) {
        jump.addEventListener("click", () => {
          group.moveTo(+jump.dataset.time, +jump.dataset.half);
          document.getElementById("charts").scrollIntoView({ behavior: "smooth" });
        });
      }
      if (fromLink()) document.getElementById("charts").scrollIntoView();
      addEventListener("hashchange", fromLink);
    } else {
      bar.remove();
    }
    const place = document.getElementById("spectrum");
    const spectrum = place ? SpectrumChart.build(data.spectrum, place) : null;
    quiet = false;

    let waiting = 0;
    addEventListener("resize", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => { if (group) group.resize(); if (spectrum) spectrum.resize(); });
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (group) group.redraw();
      if (spectrum) spectrum.redraw();
    });
    addEventListener("beforeprint", () => {
      for (const folded of document.querySelectorAll("details:not(.noprint):not([open])")) { folded.open = true; folded.dataset.folded = "1"; }
    });
    addEventListener("afterprint", () => {
      for (const folded of document.querySelectorAll("details[data-folded]")) { folded.open = false; delete folded.dataset.folded; }
    });
    root.dataset.ready = `${data.panels.length} panels`;
  }

  try {
    start();
  } catch (error) {
    root.classList.remove("script"); // fall back on the still charts
    root.dataset.error = String(error && error.stack || error);
    throw error;
  }
})();
