"use strict";
(() => {
  const content = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const config = {
    responsive: true,
    displaylogo: false,
    // Without this a button of the tool bar sends the data to a server.
    showSendToCloud: false,
    // On a touch screen a drag scrolls the page: no zooming, no tool bar.
    displayModeBar: touch ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  // Exchange each light colour for its dark partner, but only under keys that name colours:
  // a class of the data may be called like a colour.
  function exchange(value, key) {
    if (Array.isArray(value)) return value.map((item) => exchange(item, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exchange(item, name)]));
    }
    const names = typeof value === "string" && /(color|colorscale)$/i.test(key);
    return names && Object.hasOwn(content.dark, value) ? content.dark[value] : value;
  }

  // A place on the page shows the figure of its own name, or of many the one that was chosen for it.
  const places = Array.from(document.querySelectorAll(".plot"));
  const shownIn = (plot) => plot.dataset.figure || plot.id.replace(/^plot-/, "");
  const players = new Map();

  async function draw(plot, night) {
    if (!(shownIn(plot) in content.figures)) return;
    const figure = structuredClone(content.figures[shownIn(plot)]);
    figure.layout.template = content.template;
    figure.layout.margin = { l: 8, r: 12, t: 8, b: 8 };
    if (touch) figure.layout.dragmode = false;
    // On a narrow page a surface in space is looked at from further off, or its sides are cut; the title of
    // its heights has no room, and the sentence above says what they are.
    const scene = figure.layout.scene;
    if (scene?.camera?.eye && plot.clientWidth < 500) {
      for (const axis of ["x", "y", "z"]) scene.camera.eye[axis] *= 1.65;
      if (scene.zaxis) scene.zaxis.title = { text: "" };
    }
    const shown = night ? exchange(figure, "") : figure;
    await Plotly.react(plot, shown.data, shown.layout, config);
    players.get(plot)?.show();
  }

  async function drawAll(night) {
    for (const plot of places) {
      await draw(plot, night);
      // Let the page answer between two figures.
      await new Promise((resolve) => setTimeout(resolve));
    }
    document.documentElement.dataset.drawn = night ? "dark" : "light";
  }

  for (const controls of document.querySelectorAll(".player")) {
    const plot = document.getElementById("plot-" + controls.dataset.plays);
    players.set(plot, couloirPlayer(controls, plot, content.figures[shownIn(plot)]));
  }

  // Of the figures and tables that differ by a choice, show those of what is chosen now.
  for (const choice of document.querySelectorAll(".choice")) {
    const plot = document.getElementById("plot-" + choice.dataset.chooses);
    const chosen = () => [choice.dataset.chooses, ...Array.from(choice.elements, (e) => e.value)].join("-");
    choice.addEventListener("change", () => {
      for (const part of document.querySelectorAll(`[data-of="${choice.dataset.chooses}"]`)) {
        part.hidden = part.dataset.when !== chosen();
        if (!part.hidden) plot.setAttribute("aria-label", part.dataset.words);
      }
      plot.dataset.figure = chosen();
      plot.hidden = !(chosen() in content.figures);
      if (!plot.hidden) draw(plot, dark.matches);
    });
  }

  drawAll(dark.matches);
  dark.addEventListener("change", () => drawAll(dark.matches));
  addEventListener("beforeprint", () => dark.matches && drawAll(false));
  addEventListener("afterprint", () => dark.matches && drawAll(true));

  const button = document.getElementById("copy");
  button.addEventListener("click", async () => {
    const command = document.getElementById("command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
    } catch {
      // Where the clipboard is closed to pages, the text is at least selected.
      getSelection().selectAllChildren(command);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
})();
