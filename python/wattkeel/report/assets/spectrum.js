"use strict";
// Amplitude against frequency on log axes, with the named bands behind the curves.
const SpectrumChart = (() => {
  const DECADES = 5;

  function build(data, place) {
    const { unit, curves, bands, reach } = data;
    if (!curves.length) return null;
    const head = document.createElement("div"), box = document.createElement("div");
    box.className = "panel";
    head.className = "head";
    head.append(Object.assign(document.createElement("b"), { textContent: `Amplitude (${unit})` }));
    const outputs = curves.map((curve) => {
      const key = document.createElement("span"), swatch = document.createElement("i"), output = document.createElement("output");
      key.className = "key";
      swatch.style.background = `var(--c${curve.colour})`;
      key.append(swatch, curve.label + " ", output);
      head.append(key);
      return output;
    });
    box.append(head);
    place.append(box);
    const tables = curves.map((curve) => [curve.points.map((p) => p[0]), curve.points.map((p) => p[1])]);
    const values = uPlot.join(tables);
    const top = Math.max(...tables.map((table) => Math.max(...table[1])));
    if (!(top > 0)) return null;
    for (const column of values.slice(1)) column.forEach((v, i) => { if (v === 0) column[i] = top * 1e-30; });
    const plain = (v) => (v === null ? "" : v >= 1e-3 && v < 1e5 ? String(+v.toPrecision(3)) : v.toExponential(0).replace("-", "\u2212"));
    const axis = { stroke: () => Charts.colour("--dim"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => Charts.colour("--line"), width: 0.7 };
    const steps = (digits) => (plot, index, low, high) => {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) for (const digit of digits) {
        const at = digit * 10 ** power;
        if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9)) found.push(at);
      }
      return found;
    };

    // Label 1, 2 and 5 of each decade where there is room for them, else only 1, else every other decade.
    const labelled = (plot, splits) => {
      const room = new Set(), width = (v) => 7 * `${plain(v)} Hz`.length + 10;
      for (const wanted of [[1], [2, 5]]) for (const at of splits) {
        if (!wanted.includes(Math.round(at / 10 ** Math.floor(Math.log10(at) + 1e-9)))) continue;
        const x = plot.valToPos(at, "x"), near = [...room].some((v) => Math.abs(plot.valToPos(v, "x") - x) < (width(v) + width(at)) / 2);
        if (!near) room.add(at);
      }
      return splits.map((v) => (room.has(v) ? `${plain(v)} Hz` : ""));
    };

    function zones(plot) {
      const { ctx } = plot, { left, top: y, width, height } = plot.bbox, ratio = devicePixelRatio || 1;
      ctx.save();
      ctx.beginPath(); ctx.rect(left, y, width, height); ctx.clip();
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      bands.forEach(([low, high, name], index) => {
        const x0 = plot.valToPos(low, "x", true), x1 = plot.valToPos(high, "x", true);
        const wide = index === 2;
        ctx.fillStyle = Charts.colour("--dim");
        ctx.globalAlpha = wide ? 0.05 : 0.12;
        ctx.fillRect(x0, y, x1 - x0, height);
        ctx.globalAlpha = 1;
        const label = `${low}\u2013${high} Hz ${name}`, length = ctx.measureText(label).width;
        if (x1 <= left || x0 >= left + width) return;
        // The label begins (or ends) with its band, but stays inside the chart.
        const start = wide ? x1 - 5 * ratio - length : x0 + 4 * ratio;
        ctx.textAlign = "left";
        const at = Math.max(left + 4 * ratio, Math.min(start, left + width - length - 4 * ratio));
        ctx.fillText(label, at, y + (4 + (wide ? 28 : 14 * index)) * ratio);
      });
      if (reach) {
        const x = plot.valToPos(reach.hz, "x", true);
        ctx.strokeStyle = ctx.fillStyle = Charts.colour("--fail");
        ctx.setLineDash([5 * ratio, 3 * ratio]);
        ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x, y + height); ctx.stroke();
        ctx.textAlign = "left";
        ctx.textBaseline = "bottom";
        const start = x - 5 * ratio - ctx.measureText(reach.why).width;
        ctx.fillText(reach.why, Math.max(left + 4 * ratio, start), y + height - 4 * ratio);
      }
      ctx.restore();
    }

    const plot = new uPlot({
      width: Math.max(320, box.clientWidth), height: 280, legend: { show: false }, padding: [6, 14, 0, 0],
      series: [{}, ...curves.map((curve) => ({ stroke: () => Charts.colour(`--c${curve.colour}`), width: 1.25, spanGaps: true, points: { show: false } }))],
      scales: { x: { time: false, distr: 3, range: (_, low, high) => [low, reach && high <= reach.hz * 1.000001 && high > reach.hz / 2 ? Math.max(high, 1.3 * reach.hz) : high] }, y: { distr: 3, range: () => [top * 10 ** -DECADES, top * 5] } },
      axes: [
        { ...axis, grid, size: 24, gap: 4, space: 50, splits: steps([1, 2, 5]), filter: (_, splits) => splits, values: (plot, splits) => labelled(plot, splits) },
        { ...axis, grid, size: 68, gap: 6, space: 20, splits: steps([1]), filter: (_, splits) => splits, values: (_, splits) => splits.map(plain) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      hooks: {
        drawClear: [zones],
        setCursor: [(u) => {
          const hz = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null;
          outputs.forEach((output, i) => {
            if (hz === null) { output.textContent = ""; return; }
            const [x, y] = tables[i];
            let near = 0;
            // The largest line within a few pixels of the cursor: what the eye points at.
            const reach = u.posToVal(u.cursor.left + 5, "x") / hz;
            for (let k = 0; k < x.length; k++) if (Math.abs(Math.log(x[k] / hz)) < Math.abs(Math.log(x[near] / hz))) near = k;
            for (let k = 0; k < x.length; k++) if (x[k] > hz / reach && x[k] < hz * reach && y[k] > y[near]) near = k;
            output.textContent = `${+y[near].toPrecision(3)} ${unit} at ${+x[near].toPrecision(4)} Hz`;
          });
        }],
      },
    }, values, box);
    return { resize: () => plot.setSize({ width: Math.max(320, box.clientWidth), height: 280 }), redraw: () => plot.redraw(false, true) };
  }

  return { build };
})();
