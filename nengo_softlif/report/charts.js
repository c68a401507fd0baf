// Kinds of plots. Each is given its box, what is drawn, and what has been chosen.
const charts = {};

charts.curves = (box, plot, chosen) => {
  const width = box.clientWidth;
  const { series } = plot;
  const ends = width >= 620 && series.length > 1 && !plot.logx; // there, lines end apart
  const names = ends ? Math.max(...series.map((s) => widthOf(s.name))) + 20 : 16;
  const frame = { left: 48, right: width - names, top: 30, bottom: 270 };
  const svg = canvasOf(box, width, frame.bottom + 48, plot.label);
  const timed = series.filter((s) => s.x);
  const xs = timed.flatMap((s) => s.x);
  const highest = Math.max(...series.flatMap((s) => s.high || s.y));
  const lowX = plot.logx ? Math.min(...xs.filter((v) => v > 0)) : plot.slider === "Epoch" ? 1 : 0;
  const x = (plot.logx ? logarithmic : linear)(lowX, Math.max(...xs), frame.left, frame.right);
  if (plot.slider === "Epoch") x.ticks = x.ticks.filter(Number.isInteger);
  const y = plot.log
    ? logarithmic(plot.floor, 100, frame.bottom, frame.top)
    : linear(0, highest || 1, frame.bottom, frame.top);
  axes(svg, x, y, frame, plot);
  for (const [i, s] of series.entries()) {
    if (!s.x || !s.low) continue;
    const points = s.x.map(x.at);
    const upper = pathOf(points, s.high.map(y.at));
    const lower = pathOf([...points].reverse(), [...s.low].reverse().map(y.at)).replace("M", "L");
    make(svg, "path", { class: "band", d: `${upper}${lower}Z`, fill: styleOf(s, i).colour });
  }
  for (const [i, s] of series.entries()) {
    const { colour, ...stroke } = styleOf(s, i);
    const points = s.x ? s.x.map(x.at) : [frame.left, frame.right];
    const heights = s.x ? s.y.map(y.at) : [y.at(s.y[0]), y.at(s.y[0])];
    make(svg, "path", { class: "line", d: pathOf(points, heights), ...stroke });
    if (s.x && s.x.length === 1) make(svg, "circle", { cx: points[0], cy: heights[0], r: 4, fill: colour });
  }
  if (ends) {
    const lasts = series.map((s) => y.at(s.y[s.y.length - 1]));
    for (const [i, at] of apart(lasts, 17, frame.top, frame.bottom).entries()) {
      const text = make(svg, "text", { x: frame.right + 8, y: at + 4, class: "strong" }, series[i].name);
      text.style.fill = styleOf(series[i], i).colour;
    }
  } else if (series.length > 1) {
    legend(box, series.map((s) => s.name), (small, i) => {
      const { colour, ...stroke } = styleOf(series[i], i);
      make(small, "path", { class: "line", d: "M0 6L26 6", ...stroke });
    });
  }
  if (chosen.index === null) return;
  const axis = timed[0];
  if (!plot.logx) {
    const at = x.at(axis.x[chosen.index]);
    make(svg, "line", { class: "cursor", x1: at, x2: at, y1: frame.top, y2: frame.bottom });
  }
  for (const [i, s] of series.entries()) {
    if (!s.x || chosen.index >= s.x.length) continue;
    const place = { cx: x.at(s.x[chosen.index]), cy: y.at(s.y[chosen.index]), r: 5 };
    make(svg, "circle", { ...place, fill: styleOf(s, i).colour, stroke: "var(--page)" });
  }
};

// What the slider of curves says in words
function readCurves(plot, index) {
  const axis = plot.series.find((s) => s.x);
  const where = plot.steps ? plot.steps[index] : `${plot.slider === "Epoch" ? "epoch " : ""}${show(axis.x[index])}${plot.unit || ""}`;
  const parts = plot.series.map((s) => {
    const value = s.x ? s.y[index] : s.y[0];
    if (value === undefined) return `${s.name} -`;
    const percent = plot.y.includes("%") ? " %" : "";
    if (plot.logx) return `${s.name} ${show(s.x[index])}${plot.unit}`;
    const i = s.x ? index : 0;
    const bounds = s.low ? ` (${s.low[i].toFixed(2)} to ${s.high[i].toFixed(2)})` : "";
    return `${s.name} ${percent ? value.toFixed(2) : show(value)}${percent}${bounds}`;
  });
  if (plot.logx) parts.unshift(`error ${axis.y[index].toFixed(2)} %`);
  return `${where}: ${parts.join("; ")}`;
}

charts.histograms = (box, plot, chosen) => {
  box.replaceChildren();
  const { layers } = plot.choices[chosen.choice];
  const grid = make(box, "div", { class: "histograms" });
  const all = plot.choices.flatMap((c) => c.layers);
  const widest = Math.max(...all.map((l) => l.width * l.bars.length), 1);
  const cells = layers.map(() => make(grid, "div")); // all, so that each has its width
  layers.forEach((layer, k) => {
    const cell = cells[k];
    make(cell, "b", {}, layer.name);
    make(cell, "p", {}, `mean ${layer.mean.toFixed(1)} Hz; silent ${layer.silent}; never fire ${layer.never}`.replaceAll(" %", "\u00a0%"));
    const inside = make(cell, "div");
    const width = inside.clientWidth;
    const frame = { left: 40, right: width - 12, top: 24, bottom: 136 };
    const svg = canvasOf(inside, width, 186, `${layer.name}: ${plot.label}`);
    const x = linear(0, widest, frame.left, frame.right);
    const y = linear(0, Math.max(...layer.bars, 0.01), frame.bottom, frame.top);
    y.ticks = y.ticks.filter((_, i, t) => i === 0 || i === t.length - 1);
    axes(svg, x, y, frame, { x: "rate (Hz)", y: "" });
    make(svg, "text", { x: 0, y: 12, class: "soft" }, "%");
    layer.bars.forEach((share, i) => {
      // a bar is centred on the rates whose spikes it counts
      const left = x.at((i + 0.5) * layer.width);
      make(svg, "rect", { x: left, width: Math.max(1, x.at(layer.width) - x.at(0) - 1), y: y.at(share), height: frame.bottom - y.at(share), fill: css(k) });
    });
    for (const [value, name, dash] of [[layer.mean, "mean", "5 3"], [layer.highest, "99.9 %", "2 3"]]) {
      if (value === null || value > widest) continue;
      make(svg, "line", { class: "cursor", "stroke-dasharray": dash, x1: x.at(value), x2: x.at(value), y1: frame.top - 4, y2: frame.bottom });
      const left = name === "mean" && layer.highest !== null && x.at(layer.highest) - x.at(value) < 46;
      const anchor = left ? "end" : x.at(value) > width - 40 ? "end" : "middle";
      make(svg, "text", { x: x.at(value) + (left ? 8 : 0), y: 14, "text-anchor": anchor }, name);
    }
  });
};

charts.changes = (box, plot) => {
  const width = box.clientWidth;
  const wide = width >= 620;
  const { rows } = plot;
  const height = wide ? 34 : 52;
  const frame = { left: wide ? 150 : 12, right: width - (wide ? 240 : 12), top: 34, bottom: 34 + rows.length * height };
  const svg = canvasOf(box, width, frame.bottom + 48, plot.label);
  const reach = Math.max(0.1, ...rows.flatMap((r) => (r.interval || []).map(Math.abs))) * 1.05;
  const x = linear(-reach, reach, frame.left, frame.right);
  for (const v of x.ticks) {
    make(svg, "line", { class: v === 0 ? "axis" : "grid", x1: x.at(v), x2: x.at(v), y1: frame.top, y2: frame.bottom });
    make(svg, "text", { x: x.at(v), y: frame.bottom + 18, "text-anchor": "middle", class: "soft" }, (v > 0 ? "+" : "") + show(v));
  }
  make(svg, "text", { x: (frame.left + frame.right) / 2, y: frame.bottom + 38, "text-anchor": "middle", class: "soft" }, "change in points, 95 % interval");
  if (wide) make(svg, "text", { x: width, y: 18, "text-anchor": "end", class: "soft" }, "change, interval, error");
  rows.forEach((row, i) => {
    const at = frame.top + i * height + (wide ? height / 2 : 36);
    const change = row.interval
      ? `${signed(row.points)} (${row.interval.map(signed).join(" to ")})  `
      : "";
    make(svg, "text", { x: 0, y: wide ? at + 4 : at - 18, class: "strong over" }, row.name);
    make(svg, "text", { x: width, y: wide ? at + 4 : at - 18, "text-anchor": "end", class: "over" }, change + row.error);
    if (!row.interval) return;
    const clear = row.interval[0] > 0 || row.interval[1] < 0;
    const colour = clear ? css(row.points > 0 ? 1 : 2) : css(0);
    make(svg, "line", { x1: x.at(row.interval[0]), x2: x.at(row.interval[1]), y1: at, y2: at, stroke: colour, "stroke-width": 3 });
    make(svg, "circle", { cx: x.at(row.points), cy: at, r: 5, fill: clear ? colour : "var(--page)", stroke: colour, "stroke-width": 2 });
  });
};

const signed = (v) => `${v < 0 ? "−" : "+"}${Math.abs(v).toFixed(2)}`;

charts.bars = (box, plot) => {
  const width = box.clientWidth;
  const svg = canvasOf(box, width, plot.rows.length * 50, plot.label);
  const totals = plot.rows.map((r) => r.values.reduce((a, b) => a + b, 0));
  const x = linear(0, Math.max(...totals, 1e-300), 0, width);
  const last = plot.parts.length - 1;
  const id = `hatch${box.parentNode.dataset.plot}`;
  const hatch = (svg_, name) => {
    const pattern = make(make(svg_, "defs"), "pattern", { id: name, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    make(pattern, "rect", { width: 6, height: 6, fill: "var(--panel)" });
    make(pattern, "rect", { width: 3, height: 6, fill: css(last) });
  };
  hatch(svg, id);
  const fill = (k) => (k === last ? `url(#${id})` : css(k));
  plot.rows.forEach((row, i) => {
    make(svg, "text", { x: 0, y: i * 50 + 14, class: "strong" }, row.name);
    make(svg, "text", { x: width, y: i * 50 + 14, "text-anchor": "end" }, row.text);
    let done = 0;
    row.values.forEach((value, k) => {
      make(svg, "rect", { x: x.at(done), width: Math.max(0, x.at(done + value) - x.at(done)), y: i * 50 + 22, height: 16, fill: fill(k), stroke: "var(--page)", "stroke-width": 0.5 });
      done += value;
    });
  });
  legend(box, plot.parts, (small, k) => make(small, "rect", { width: 26, height: 12, fill: fill(k) }));
};

charts.cores = (box, plot, chosen) => {
  box.replaceChildren();
  const width = box.clientWidth;
  const n = Math.max(...plot.layers.map((l) => l.cores.length));
  const side = n > 400 ? 10 : n > 60 ? 16 : 26;
  plot.layers.forEach((layer) => {
    const k = layer.colour;
    const values = layer.cores.map((core) => core[chosen.choice]);
    const cell = make(box, "div", { class: "core-layer" });
    const most = Math.max(...values);
    make(cell, "p", {}, `${layer.name}: ${values.length} core${values.length > 1 ? "s" : ""}, at most ${most} %`);
    const columns = Math.max(1, Math.floor(width / side));
    const inside = make(cell, "div");
    const svg = canvasOf(inside, width, Math.ceil(values.length / columns) * side, `${layer.name}: ${plot.label}`);
    values.forEach((value, i) => {
      const place = { x: (i % columns) * side, y: Math.floor(i / columns) * side };
      const square = make(svg, "rect", { x: place.x + 1, y: place.y + 1, width: side - 2, height: side - 2, rx: 2, fill: css(k), "fill-opacity": 0.08 + 0.92 * Math.min(1, value / 100), stroke: css(k), "stroke-width": 0.7 });
      make(square, "title", {}, `${value} %`);
    });
  });
};
