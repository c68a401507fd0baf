// One image, spike by spike.
function startPlayer(played) {
  const find = (id) => document.getElementById(id);
  const [select, button, range, clock] = ["image", "play", "now", "clock"].map(find);
  const [picture, answer, sure, raster] = ["picture", "answer", "sure", "raster"].map(find);
  const perMs = Math.max(1, Math.round(1 / played.dt));
  range.step = played.steps % perMs ? 1 : perMs;
  let shown = null;
  let going = null;
  let redraw = () => {};

  function bytes(text) {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  }

  function words(text) {
    return new Uint16Array(bytes(text).buffer);
  }

  function unpack(image) {
    const [low, high] = image.range;
    const outputs = Float64Array.from(words(image.outputs), (v) => low + (v / 65535) * (high - low));
    const spikes = played.layers.map((layer, i) => {
      const bits = bytes(image.spikes[i]);
      const found = [];
      for (let k = 0; k < layer.shown * played.steps; k += 1)
        if ((bits[k >> 3] >> (7 - (k & 7))) & 1) found.push([Math.floor(k / played.steps), k % played.steps]);
      return found;
    });
    return { ...image, outputs, spikes, answers: words(image.answers), pixels: bytes(image.pixels) };
  }

  function pause() {
    if (going !== null) cancelAnimationFrame(going);
    going = null;
    button.textContent = "Play";
  }

  function play() {
    if (going !== null) return pause();
    button.textContent = "Pause";
    if (Number(range.value) >= played.steps) range.value = 0;
    const start = performance.now();
    const from = Number(range.value);
    const speed = Math.max(played.steps / 8000, 0.02 / played.dt); // steps in a ms: 20 ms a second, or all in 8 s
    const advance = (time) => {
      const step = from + Math.max(0, time - start) * speed;
      range.value = Math.min(played.steps, Math.round(step / range.step) * range.step);
      update();
      if (step >= played.steps) pause();
      else going = requestAnimationFrame(advance);
    };
    going = requestAnimationFrame(advance);
  }

  function drawPicture(step) {
    const { height, width, channels, frames } = played.image;
    const context = picture.getContext("2d");
    [picture.width, picture.height] = [width, height];
    picture.style.height = height < width / 5 ? "32px" : ""; // a table, not an image
    const image = context.createImageData(width, height);
    const first = Math.min(frames - 1, Math.max(0, step - 1)) * width * height * channels;
    for (let i = 0; i < width * height; i += 1) {
      const from = shown.pixels.subarray(first + i * channels, first + (i + 1) * channels);
      const rgb = channels === 3 ? from : channels === 2 ? [from[0], 0, from[1]] : [from[0], from[0], from[0]];
      image.data.set([rgb[0], rgb[1], rgb[2], 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    picture.setAttribute("aria-label", `Image ${shown.place + 1}, of class ${shown.label}`);
  }

  // Softmax of the mean output so far, by which is answered
  function confidences(step) {
    const first = Math.max(1, Math.ceil(Math.max(played.opening - 1e-6, step / 2)));
    const sums = new Float64Array(played.classes);
    for (let t = first; t <= step; t += 1)
      for (let c = 0; c < played.classes; c += 1) sums[c] += shown.outputs[(t - 1) * played.classes + c];
    const means = sums.map((v) => v / Math.max(1, step - first + 1));
    const most = Math.max(...means);
    const parts = means.map((v) => Math.exp(v - most));
    const all = parts.reduce((a, b) => a + b, 0);
    return parts.map((v) => v / all);
  }

  function drawSure(step, now) {
    const width = sure.clientWidth;
    const svg = canvasOf(sure, width, 96, "How sure the network is of each class so far");
    const each = width / played.classes;
    const parts = now === null ? new Float64Array(played.classes) : confidences(step);
    parts.forEach((part, c) => {
      make(svg, "rect", { x: c * each + 1, width: Math.max(1, each - 2), y: 76 - 70 * part, height: 70 * part + 1, fill: c === shown.label ? css(2) : css(0) });
      if (each >= 15) make(svg, "text", { x: (c + 0.5) * each, y: 92, "text-anchor": "middle", class: c === shown.label ? "strong" : "soft" }, c);
    });
  }

  function drawRaster() {
    const width = raster.clientWidth;
    const widest = Math.max(100, ...played.layers.map((layer) => widthOf(layer.name))) + 12;
    const names = width >= 480 ? Math.min(widest, width / 3) : 0;
    const head = names ? 0 : 18;
    const n = played.layers.length;
    const each = Math.round(Math.max(44, Math.min(110, 420 / n)));
    const gap = 10 + head;
    const readout = 110;
    const high = head + n * (each + gap) + readout;
    const right = width - 12;
    const svg = canvasOf(raster, width, high + 40, `Spikes of ${n} layers, and output, while image ${shown.place + 1} is shown`);
    const captions = []; // drawn last, above what is dimmed
    const caption = (x_, y_, kind, text) => captions.push([{ x: x_, y: y_, class: kind }, text]);
    const at = (step) => names + (step / played.steps) * (right - names);
    const dot = Math.max(1.5, Math.min(3, (right - names) / played.steps));
    played.layers.forEach((layer, i) => {
      const top = head + i * (each + gap);
      const part = `${layer.shown} of ${layer.total.toLocaleString("en")}`;
      caption(0, names ? top + 14 : top - 5, "strong", names ? layer.name : `${layer.name}, ${part}`);
      if (names) caption(0, top + 32, "soft", part);
      make(svg, "rect", { class: "panel", x: names, y: top, width: right - names, height: each });
      const row = each / layer.shown;
      const d = shown.spikes[i].map(([neuron, step]) => `M${(at(step) + 0.2).toFixed(1)} ${(top + (neuron + 0.5) * row).toFixed(1)}h${dot.toFixed(1)}`).join("");
      make(svg, "path", { d, stroke: css(i), "stroke-width": Math.max(1.2, Math.min(3, row * 0.9)), fill: "none" });
    });
    const top = high - readout;
    caption(0, names ? top + 14 : top - 5, "strong", names ? "output" : `output, thick: class ${shown.label}`);
    if (names) caption(0, top + 32, "soft", `thick: class ${shown.label}`);
    make(svg, "rect", { class: "panel", x: names, y: top, width: right - names, height: readout });
    const y = linear(shown.range[0], shown.range[1], high - 4, top + 4);
    const steps = Array.from({ length: played.steps }, (_, t) => t + 1);
    const order = [...Array(played.classes).keys()].filter((c) => c !== shown.label);
    for (const c of [...order, shown.label]) {
      const heights = steps.map((t) => y.at(shown.outputs[(t - 1) * played.classes + c]));
      const line = make(svg, "path", { class: "line", d: pathOf(steps.map(at), heights) });
      if (c === shown.label) line.style.stroke = css(2);
      else line.classList.add("thin");
    }
    const x = linear(0, played.steps * played.dt, names, right);
    for (const v of x.ticks) {
      const last = x.at(v) > right - 20;
      make(svg, "text", { x: x.at(v), y: high + 18, "text-anchor": v === 0 ? "start" : last ? "end" : "middle", class: "soft" }, v === 0 ? "0" : `${show(v)} ms`);
    }
    const future = make(svg, "rect", { class: "future", y: 0, height: high });
    for (const [attributes, text] of captions) make(svg, "text", attributes, text);
    const cursor = make(svg, "line", { class: "cursor", y1: 0, y2: high });
    redraw = (step) => {
      future.setAttribute("x", at(step));
      future.setAttribute("width", Math.max(0, right - at(step)));
      cursor.setAttribute("x1", at(step));
      cursor.setAttribute("x2", at(step));
    };
    raster.stepAt = (x_) => Math.round(((x_ - names) / (right - names)) * played.steps);
  }

  function update() {
    const step = Number(range.value);
    const now = step > played.silent ? shown.answers[step - 1 - played.silent] : null;
    const time = `${show(step * played.dt)} ms`;
    clock.textContent = time;
    range.setAttribute("aria-valuetext", time);
    const right = now === shown.label;
    answer.replaceChildren(now === null ? "No answer yet" : "Answer so far: ");
    if (now !== null) make(answer, "b", { class: right ? "ok" : "no" }, `${now} ${right ? "✓" : "✗"}`);
    drawSure(step, now);
    if (played.image.frames > 1 || update.place !== shown.place) drawPicture(step);
    update.place = shown.place;
    redraw(step);
  }

  function go(steps) {
    pause();
    range.value = Math.max(0, Math.min(played.steps, steps));
    update();
  }

  function open(i) {
    pause();
    select.value = i;
    shown = unpack(played.images[i]);
    drawRaster();
    update();
  }

  select.addEventListener("change", () => open(Number(select.value)));
  button.addEventListener("click", play);
  range.addEventListener("input", () => go(Number(range.value)));
  raster.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(Number(range.value) + by * Number(range.step));
  });
  raster.addEventListener("pointerdown", (event) => raster.setPointerCapture(event.pointerId));
  raster.addEventListener("pointermove", (event) => {
    if (event.buttons) go(raster.stepAt(event.clientX - raster.getBoundingClientRect().left));
  });
  raster.addEventListener("click", (event) => go(raster.stepAt(event.clientX - raster.getBoundingClientRect().left)));
  range.value = played.steps;
  open(0);
  new ResizeObserver(() => { drawRaster(); update(); }).observe(raster.parentNode);
  return (i) => {
    open(i);
    document.getElementById("player").scrollIntoView();
    select.focus({ preventScroll: true });
  };
}
