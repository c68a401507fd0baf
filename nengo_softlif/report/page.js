// Brings the page to life: plots, player, buttons.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const plots = read("plots");
const played = read("played");

for (const figure of document.querySelectorAll("figure.plot")) {
  const plot = plots[Number(figure.dataset.plot)];
  const box = figure.querySelector(".drawing");
  const tools = figure.querySelector(".tools");
  const chosen = { index: null, choice: 0 };
  const draw = () => charts[plot.kind](box, plot, chosen);
  const choices = plot.choices ? plot.choices.map((c) => c.name) : plot.limits;
  if (choices && choices.length > 1) {
    const label = make(tools, "label", {}, "Show ");
    const select = make(label, "select");
    choices.forEach((name, i) => make(select, "option", { value: i }, name));
    select.addEventListener("change", () => { chosen.choice = Number(select.value); draw(); });
  }
  if (plot.slider) addSlider(plot, box, tools, chosen, draw);
  draw();
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(figure);
}

function addSlider(plot, box, tools, chosen, draw) {
  const n = plot.series.find((s) => s.x).x.length;
  const label = make(tools, "label", { class: "grow" }, `${plot.slider} `);
  const range = make(label, "input", { type: "range", min: 0, max: n - 1, value: n - 1 });
  const said = make(tools, "output");
  chosen.index = n - 1;
  const say = () => {
    said.textContent = readCurves(plot, chosen.index);
    range.setAttribute("aria-valuetext", said.textContent);
  };
  say();
  range.addEventListener("input", () => { chosen.index = Number(range.value); say(); draw(); });
}

const openImage = played ? startPlayer(played) : null;
for (const button of document.querySelectorAll("[data-image]"))
  button.addEventListener("click", () => openImage(Number(button.dataset.image)));

const done = document.getElementById("done");
document.getElementById("copy").addEventListener("click", async () => {
  const command = document.getElementById("command");
  try {
    await navigator.clipboard.writeText(command.textContent);
    done.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(command);
    done.textContent = "Selected: copy it with Ctrl-C";
  }
});

document.getElementById("download")?.addEventListener("click", async () => {
  const packed = atob(document.getElementById("records").textContent);
  const bytes = Uint8Array.from(packed, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const url = URL.createObjectURL(await new Response(stream).blob());
  const link = make(null, "a", { href: url, download: "records.json" });
  link.click();
  URL.revokeObjectURL(url);
  done.textContent = "Saved as records.json";
});
