"use strict";
(() => {
  const content = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
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

  // Exchange each light colour for its dark partner, but only under keys that name colours.
  function exchange(value, key) {
    if (Array.isArray(value)) return value.map((item) => exchange(item, key));
    if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, exchange(item, name)]));
    }
    const names = typeof value === "string" && /(color|colorscale)$/i.test(key);
    return names && Object.hasOwn(content.dark, value) ? content.dark[value] : value;
  }

  function node(kind, properties, ...children) {
    const made = Object.assign(document.createElement(kind), properties);
    made.append(...children);
    return made;
  }

  const isShown = (item) => item.visible !== false;

  class Figure {
    constructor(number, figure) {
      this.number = number;
      this.figure = figure;
      this.plot = document.getElementById("plot-" + number);
      this.box = document.getElementById("controls-" + number);
      // Plotly draws its own controls into the picture, where no keyboard reaches them: the page has
      // native ones in their place.
      this.sliders = (figure.layout.sliders || []).filter(isShown);
      this.menus = (figure.layout.updatemenus || []).filter(isShown);
      delete figure.layout.sliders;
      delete figure.layout.updatemenus;
      this.ranges = [];
      this.marks = [];
    }

    async draw(night) {
      const drawn = structuredClone(this.figure);
      drawn.layout.template = content.template;
      drawn.layout.margin = { ...drawn.layout.margin, l: 8, r: 12, t: 8, b: 8 };
      drawn.layout.autosize = true;
      delete drawn.layout.width;
      if (touch && !drawn.layout.scene) drawn.layout.dragmode = false;
      this.stepBack(drawn.layout.scene);
      const shown = night ? exchange(drawn, "") : drawn;
      this.night = night;
      await Plotly.newPlot(this.plot, { data: shown.data, layout: shown.layout, frames: shown.frames, config });
      if (!this.built) this.build();
      this.plot.on("plotly_animatingframe", (event) => this.follow(event.name));
    }

    // On a narrow page a surface in space is looked at from further off, or its sides are cut; the title of
    // its heights has no room, and the sentence below says what they are.
    stepBack(scene) {
      if (!scene?.camera?.eye || this.plot.clientWidth >= 500) return;
      for (const axis of ["x", "y", "z"]) scene.camera.eye[axis] *= 1.85;
      if (scene.zaxis && scene.camera.center) scene.zaxis.title = { text: "" };
    }

    build() {
      this.built = true;
      this.menus.forEach((menu) => this.box.append(menu.type === "dropdown" || !menu.type ? this.list(menu) : this.row(menu)));
      this.sliders.forEach((slider) => this.box.append(this.range(slider)));
      this.box.hidden = !this.box.children.length;
    }

    // Carries out what a control of Plotly's would have done.
    async apply(step) {
      if (step.method === "skip") return;
      const given = structuredClone(step.args || []);
      if (step.method === "animate" && still.matches && given[1]) {
        given[1].transition = { ...given[1].transition, duration: 0 };
      }
      const coloured = this.night ? given.map((item) => exchange(item, "")) : given;
      try {
        await Plotly[step.method](this.plot, ...coloured);
      } catch (reason) {
        if (reason) throw reason; // an animation that another one ends rejects with nothing
      }
    }

    row(menu) {
      const row = node("div", { className: "group" });
      const choice = menu.buttons.every((button) => button.method !== "animate") && menu.buttons.length > 1;
      menu.buttons.forEach((button, place) => {
        const made = node("button", { type: "button", textContent: button.label });
        if (choice) made.setAttribute("aria-pressed", String(place === (menu.active ?? 0)));
        made.addEventListener("click", () => {
          if (choice) for (const other of row.children) other.setAttribute("aria-pressed", String(other === made));
          this.apply(button);
        });
        row.append(made);
      });
      return row;
    }

    list(menu) {
      const list = node("select", { ariaLabel: menu.name || "choose" });
      menu.buttons.forEach((button) => list.append(node("option", { textContent: button.label })));
      list.selectedIndex = menu.active ?? 0;
      list.addEventListener("change", () => this.apply(menu.buttons[list.selectedIndex]));
      return list;
    }

    range(slider) {
      const current = slider.currentvalue || {};
      const steps = slider.steps.filter(isShown);
      const prefix = (current.prefix || "").replace(/\s*[=:]?\s*$/, "") || "step";
      const output = node("output", {});
      const input = node("input", { type: "range", min: 0, max: steps.length - 1, step: 1, value: slider.active ?? 0 });
      const show = () => {
        const text = steps[input.value].label + (current.suffix || "");
        output.textContent = text;
        input.setAttribute("aria-valuetext", prefix + " " + text);
      };
      input.addEventListener("input", () => { show(); this.apply(steps[input.value]); });
      show();
      this.ranges.push({ input, steps, show });
      return node("label", {}, node("span", { className: "name", textContent: prefix }), input, output);
    }

    // While an animation plays, its slider goes along.
    follow(frame) {
      for (const { input, steps, show } of this.ranges) {
        const place = steps.findIndex((step) => step.method === "animate" && [step.args[0]].flat().includes(frame));
        if (place >= 0) { input.value = place; show(); }
      }
    }
  }

  const figures = Object.entries(content.figures).map(([number, figure]) => new Figure(number, figure));

  async function drawAll(night) {
    for (const figure of figures) {
      await figure.draw(night);
      // Let the page answer between two figures.
      await new Promise((resolve) => setTimeout(resolve));
    }
    document.documentElement.dataset.drawn = night ? "dark" : "light";
  }

  drawAll(dark.matches);
  dark.addEventListener("change", () => drawAll(dark.matches));
  addEventListener("beforeprint", () => dark.matches && drawAll(false));
  addEventListener("afterprint", () => dark.matches && drawAll(true));

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Where the clipboard is closed to pages, the text is at least selected.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
