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

  function draw(name, night) {
    const figure = structuredClone(content.figures[name]);
    figure.layout.template = content.template;
    figure.layout.margin = { l: 8, r: 12, t: 8, b: 8 };
    if (touch) figure.layout.dragmode = false;
    const shown = night ? exchange(figure, "") : figure;
    return Plotly.react("plot-" + name, shown.data, shown.layout, config);
  }

  async function drawAll(night) {
    for (const name of Object.keys(content.figures)) {
      await draw(name, night);
      // Let the page answer between two figures.
      await new Promise((resolve) => setTimeout(resolve));
    }
    document.documentElement.dataset.drawn = night ? "dark" : "light";
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
