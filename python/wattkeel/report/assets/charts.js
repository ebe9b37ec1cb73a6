"use strict";
// Time charts with one view in common. uPlot draws axes, lines, cursor and selection; every change of the view reads the
// series anew at one cell per pixel, so that a narrow view shows single ticks.
const Charts = (() => {
  const AXIS_WIDTH = 68, MARGIN = 30, SMALLEST_TICKS = 10, MOST_SHADES = 40;
  const LONG_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const SHORT_STEPS = [];
  for (let power = -9; power < 10; power++) for (const digit of [1, 2, 5]) SHORT_STEPS.push(digit * 10 ** power);

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const minus = (shown) => shown.replace("-", "\u2212");

  function clock(time, digits, long) {
    if (!long) return minus(time.toFixed(digits));
    const unit = 10 ** digits, whole = Math.round(Math.abs(time) * unit);
    const seconds = (whole % (60 * unit)) / unit, minutes = Math.floor(whole / (60 * unit));
    const rest = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  function length(seconds) {
    if (seconds >= 7200) return `${+(seconds / 3600).toPrecision(4)} h`;
    if (seconds >= 600) return `${+(seconds / 60).toPrecision(4)} min`;
    return seconds < 1 ? `${+(seconds * 1e3).toPrecision(4)} ms` : `${+seconds.toPrecision(4)} s`;
  }

  class Group {
    constructor(data, place, report) {
      this.data = data;
      this.report = report;
      this.series = {};
      for (const [name, coded] of Object.entries(data.series)) this.series[name] = new Levels.Series(coded);
      this.sync = uPlot.sync("wattkeel");
      this.view = [0, data.end];
      this.panels = data.panels.map((panel) => this.#build(panel, place));
      this.show(0, data.end);
    }

    #build(panel, place) {
      const box = document.createElement("div");
      box.className = "panel";
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${panel.title}, ${panel.unit}, against time`);
      const head = document.createElement("div");
      head.className = "head";
      const title = document.createElement("b");
      title.textContent = `${panel.title} (${panel.unit})`;
      head.append(title);
      const outputs = panel.lines.map((line) => {
        const key = document.createElement("span"), swatch = document.createElement("i"), output = document.createElement("output");
        key.className = "key";
        swatch.style.background = `var(--c${line.colour})`;
        if (panel.lines.length > 1 || line.label !== panel.title) key.append(swatch, line.label + " ");
        key.append(output);
        head.append(key);
        return output;
      });
      if (panel.note) head.append(Object.assign(document.createElement("span"), { className: "key", textContent: panel.note }));
      box.append(head);
      place.append(box);
      box.addEventListener("keydown", (event) => this.#key(event));
      const state = { panel, box, outputs, step: 1 };
      state.plot = new uPlot(this.#options(state), [[0, 1], ...panel.lines.flatMap(() => [[0, 0], [0, 0], [0, 0]])], box);
      return state;
    }

    #options(state) {
      const { panel } = state, long = this.data.long, series = [{}], bands = [];
      panel.lines.forEach((line, index) => {
        const stroke = () => colour(`--c${line.colour}`);
        const paths = uPlot.paths.stepped({ align: 1 });
        const edge = { stroke: "transparent", width: 0, paths, points: { show: false } };
        series.push(edge, { stroke, width: 1.25, paths, points: { show: false } }, { ...edge });
        bands.push({ series: [3 * index + 3, 3 * index + 1], fill: () => stroke() + "52" });
      });
      const axis = { stroke: () => colour("--dim"), font: "12px system-ui, sans-serif", ticks: { show: false } };
      const grid = { stroke: () => colour("--line"), width: 0.7 };
      return {
        width: this.#width(state.box), height: panel.height, legend: { show: false }, padding: [6, MARGIN, 0, 0],
        series, bands,
        scales: { x: { time: false }, y: { range: (_, low, high) => this.#range(panel, low, high) } },
        axes: [
          { ...axis, grid, size: 24, gap: 4, space: 90, incrs: long ? SHORT_STEPS.filter((s) => s < 1).concat(LONG_STEPS) : SHORT_STEPS,
            values: (_, splits, __, ___, step) => splits.map((t) => clock(t, decimals(step), long) + (long ? "" : " s")) },
          { ...axis, grid, size: AXIS_WIDTH, gap: 6, space: 30, incrs: SHORT_STEPS,
            // A label in the lower corner would touch the first label of the time.
            values: (plot, splits, __, ___, step) => splits.map((v) => (v !== null && plot.valToPos(v, "y") > plot.bbox.height / (devicePixelRatio || 1) - 7 ? "" : minus((v || 0).toFixed(decimals(step))))) },
        ],
        cursor: {
          y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, uni: 4 },
          sync: { key: this.sync.key, scales: ["x", null], setSeries: false, filters: { pub: (type) => /move|leave/.test(type) } },
          bind: { dblclick: () => () => { this.show(0, this.data.end); return null; } },
        },
        hooks: {
          setSelect: [(plot) => this.#selected(plot)],
          setCursor: [(plot) => this.#read(state, plot)],
          drawClear: [(plot) => this.#marks(plot)],
        },
      };
    }

    #width(box) { return Math.max(320, box.clientWidth || box.parentElement.clientWidth); }

    #range(panel, low, high) {
      if (low === null || high === null) return [0, 1];
      const pad = Math.max(0.07 * (high - low), (panel.span - (high - low)) / 2, 1e-9 * Math.abs(high));
      return [low - pad, high + pad];
    }

    // Show the time from a to b [s] in all panels.
    show(a, b) {
      const { tick, end } = this.data;
      const wide = Math.min(Math.max(b - a, SMALLEST_TICKS * tick), end);
      a = Math.min(Math.max(a + ((b - a) - wide) / 2, 0), end - wide);
      b = a + wide;
      this.view = [a, b];
      let held = 0, step = tick;
      for (const state of this.panels) {
        const pixels = Math.max(100, state.plot.width - AXIS_WIDTH - MARGIN);
        step = tick;
        while (wide / step > pixels) step *= 2;
        state.step = step;
        const first = Math.floor(a / step + 1e-9), count = Math.max(1, Math.ceil(b / step - 1e-9) - first);
        const times = Array.from({ length: count + 1 }, (_, k) => (first + k) * step);
        const values = [times];
        state.held = [];
        for (const line of state.panel.lines) {
          const got = this.series[line.name].read(first * step, step, count, state.panel.factor);
          for (const part of [got.min, got.mean, got.max]) { part.push(part[count - 1]); values.push(part); }
          state.held.push(got.held);
          held = Math.max(held, got.held);
        }
        state.values = values;
        state.plot.batch(() => {
          state.plot.setData(values, false);
          state.plot.setScale("x", { min: a, max: b });
          state.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        });
        for (const output of state.outputs) output.textContent = "";
      }
      this.report({ a, b, step, held, whole: wide >= end * (1 - 1e-12) });
    }

    moveTo(time, half) { this.show(time - half, time + half); }
    reset() { this.show(0, this.data.end); }
    pan(share) { const [a, b] = this.view, by = share * (b - a); this.show(Math.max(a + by, 0), Math.max(b + by, b - a)); }
    zoom(ratio) { const [a, b] = this.view, half = (ratio * (b - a)) / 2, at = (a + b) / 2; this.show(at - half, at + half); }
    resize() {
      for (const state of this.panels) {
        const width = this.#width(state.box);
        if (width !== state.plot.width) state.plot.setSize({ width, height: state.panel.height });
      }
      this.show(...this.view);
    }
    redraw() { for (const state of this.panels) state.plot.redraw(false, true); }

    #selected(plot) {
      const { left, width } = plot.select;
      if (width < 4) return;
      this.show(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
    }

    #key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const act = {
        ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), PageUp: null,
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), "\u2212": () => this.zoom(2),
        "0": () => this.reset(), Home: () => this.reset(), Escape: () => this.reset(),
      }[event.key];
      if (act) { act(); event.preventDefault(); }
    }

    #read(state, plot) {
      const at = plot.cursor.left;
      if (!state.values || at === undefined || at === null || at < 0) {
        for (const output of state.outputs) output.textContent = "";
        this.report({ time: null });
        return;
      }
      const time = plot.posToVal(at, "x"), times = state.values[0];
      const index = Math.min(Math.max(Math.floor((time - times[0]) / state.step + 1e-9), 0), times.length - 2);
      const [low, high] = [plot.scales.y.min, plot.scales.y.max];
      const digits = Math.min(9, decimals((high - low) / 2000));
      state.outputs.forEach((output, line) => {
        const [min, mean, max] = [1, 2, 3].map((part) => state.values[3 * line + part][index]);
        if (mean === null || mean === undefined) { output.textContent = "\u2013"; return; }
        const text = minus(mean.toFixed(digits));
        const band = max - min > 10 ** -digits ? ` [${minus(min.toFixed(digits))} \u2026 ${minus(max.toFixed(digits))}]` : "";
        output.textContent = `${text}${band} ${state.panel.unit}`;
      });
      this.report({ time, step: state.step });
    }

    // Events as shaded spans or lines, worst moments as dashed lines, behind the curves.
    #marks(plot) {
      const [a, b] = this.view, { ctx } = plot, { left, top, width, height } = plot.bbox;
      const place = (time) => left + ((time - a) / (b - a)) * width;
      const inside = this.data.marks.filter((mark) => (mark.end === null ? mark.t : mark.end) >= a && mark.t <= b);
      const ratio = devicePixelRatio || 1;
      // Many events would grey the chart: they shrink to a strip along its foot.
      const strip = inside.length > MOST_SHADES ? 5 * ratio : height;
      ctx.save();
      ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
      for (const mark of inside) {
        const x = place(mark.t);
        if (mark.kind === "event") {
          ctx.globalAlpha = strip < height ? 0.7 : 0.22;
          ctx.fillStyle = colour("--event");
          ctx.fillRect(x, top + height - strip, Math.max(mark.end === null ? 0 : place(mark.end) - x, ratio), strip);
        } else {
          ctx.globalAlpha = 0.9;
          ctx.strokeStyle = ctx.fillStyle = colour(`--${mark.kind}`);
          ctx.lineWidth = ratio;
          ctx.setLineDash([4 * ratio, 3 * ratio]);
          ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
          ctx.beginPath(); ctx.moveTo(x - 4 * ratio, top); ctx.lineTo(x + 4 * ratio, top); ctx.lineTo(x, top + 7 * ratio); ctx.fill();
        }
      }
      ctx.restore();
    }
  }

  return { Group, clock, length, colour, decimals };
})();
