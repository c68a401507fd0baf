"use strict";
// Drawing with SVG, in pixels of the container: it is drawn anew when that changes.

const css = (i) => `var(--c${i % 6})`;
const DASHES = ["", "7 5", "2 4", "10 4 2 4", "4 2", "14 4"];
const STYLES = { rates: [0, "7 5"], spikes: [1, ""], chip: [2, "10 4 2 4"] };

function make(parent, name, attributes = {}, text = null) {
  const svg = ["svg", "g", "path", "line", "rect", "text", "defs", "pattern", "title", "circle"];
  const node = svg.includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function canvasOf(box, width, height, label) {
  box.replaceChildren();
  return make(box, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

function styleOf(series, i) {
  const [colour, dash] = STYLES[series.style] || [i, DASHES[i % 6]];
  return { stroke: css(colour), "stroke-dasharray": dash, colour: css(colour) };
}

function show(value) {
  if (value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(1);
  return String(Number(value.toPrecision(3)));
}

function linear(low, high, from, to) {
  const span = high - low || 1;
  return { at: (v) => from + ((v - low) / span) * (to - from), ticks: ticksOf(low, high, Math.abs(to - from)) };
}

function ticksOf(low, high, pixels) {
  const wanted = Math.max(2, Math.floor(pixels / 80));
  const raw = (high - low || 1) / wanted;
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = base * [1, 2, 5, 10].find((n) => n * base >= raw * 0.999);
  const ticks = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) ticks.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return ticks;
}

function logarithmic(low, high, from, to) {
  const at = (v) => from + (Math.log(Math.max(v, low) / low) / Math.log(high / low)) * (to - from);
  let ticks = [];
  for (const steps of [[1], [1, 3], [1, 2, 5]]) {
    ticks = [];
    for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e += 1)
      for (const n of steps) if (n * 10 ** e >= low * 0.999 && n * 10 ** e <= high * 1.001) ticks.push(n * 10 ** e);
    if (ticks.length >= 4) break;
  }
  const room = Math.max(2, Math.floor(Math.abs(to - from) / 34));
  if (ticks.length > room) ticks = ticks.filter((_, i) => i % Math.ceil(ticks.length / room) === 0);
  return { at, ticks };
}

function axes(svg, x, y, frame, names) {
  const { left, right, top, bottom } = frame;
  for (const v of y.ticks) {
    make(svg, "line", { class: "grid", x1: left, x2: right, y1: y.at(v), y2: y.at(v) });
    make(svg, "text", { x: left - 8, y: y.at(v) + 4, "text-anchor": "end", class: "soft" }, show(v));
  }
  make(svg, "line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom });
  for (const v of x.ticks) {
    make(svg, "line", { class: "axis", x1: x.at(v), x2: x.at(v), y1: bottom, y2: bottom + 4 });
    const wide = x.at(v) + widthOf(show(v)) / 2 > Number(svg.getAttribute("width"));
    make(svg, "text", { x: wide ? right + 8 : x.at(v), y: bottom + 18, "text-anchor": wide ? "end" : "middle", class: "soft" }, show(v));
  }
  if (names.y) make(svg, "text", { x: left, y: top - 10, class: "soft" }, names.y);
  make(svg, "text", { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle", class: "soft" }, names.x);
}

function pathOf(xs, ys) {
  return xs.map((x, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${ys[i].toFixed(1)}`).join("");
}

// Places of names beside the ends of lines, so that none covers another
function apart(places, distance, low, high) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const found = [...places];
  for (let k = 1; k < order.length; k += 1)
    found[order[k]] = Math.max(found[order[k]], found[order[k - 1]] + distance);
  const over = found[order[order.length - 1]] - high;
  if (over > 0) for (const i of order) found[i] = Math.max(low, found[i] - over);
  for (let k = order.length - 2; k >= 0; k -= 1)
    found[order[k]] = Math.min(found[order[k]], found[order[k + 1]] - distance);
  return found;
}

function widthOf(text) {
  const context = (widthOf.context ||= document.createElement("canvas").getContext("2d"));
  context.font = "600 13px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  return context.measureText(text).width;
}

function legend(box, names, swatch) {
  const list = make(box, "ul", { class: "legend" });
  names.forEach((name, i) => {
    const item = make(list, "li");
    const svg = make(item, "svg", { width: 26, height: 12, "aria-hidden": "true" });
    swatch(svg, i);
    make(item, "span", {}, name);
  });
}
