"use strict";
// Plays a figure whose layout.meta.player names the lines that grow, one point a step, and the marks at their
// ends. Nothing starts by itself; who has asked for less motion sees leaps in place of a glide.
function couloirPlayer(controls, plot, figure) {
  const { steps, lines, heads, keepers } = figure.layout.meta.player;
  const button = controls.querySelector("button");
  const slider = controls.querySelector("input");
  const speed = controls.querySelector("select");
  const output = controls.querySelector("output");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const SECONDS = 12; // that a whole race takes at speed 1
  let position = steps;
  let playing = false;

  const step = () => Math.min(Math.floor(position), steps);

  // The name of the line of losses that is lowest now, and whether several are.
  function lowest() {
    const now = lines.map((place) => figure.data[place]).filter((line) => line.yaxis === "y2")
      .map((line) => [line.y[Math.min(step(), line.y.length - 1)], line.name]);
    const least = Math.min(...now.map(([loss]) => loss));
    const names = now.filter(([loss]) => loss === least).map(([, name]) => name);
    return names.length === 1 ? `, lowest: ${names[0]}` : "";
  }

  function show() {
    const data = keepers.map(() => ({}));
    const traces = [...keepers];
    lines.forEach((place, number) => {
      const { x, y } = figure.data[place];
      const end = Math.min(step() + 1, x.length);
      data.push({ x: x.slice(0, end), y: y.slice(0, end) }, { x: [x[end - 1]], y: [y[end - 1]] });
      traces.push(place, heads[number]);
    });
    slider.value = step();
    output.textContent = `step ${step().toLocaleString("en")} of ${steps.toLocaleString("en")}${lowest()}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    plot.dataset.step = step();
    // Only the paths are drawn anew.
    const atOnce = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
    return Plotly.animate(plot, { data, traces }, atOnce);
  }

  function play(on) {
    playing = on;
    button.textContent = on ? "Pause" : "Play";
    if (!on) return;
    if (position >= steps) position = 0;
    let before = performance.now();
    let leap = 0;
    async function tick(now) {
      if (!playing) return;
      leap += ((now - before) / 1000) * (steps / SECONDS) * Number(speed.value);
      before = now;
      if (leap >= (calm.matches ? steps / 10 : 0)) {
        position = Math.min(position + leap, steps);
        leap = 0;
        await show();
      }
      if (position >= steps) play(false);
      else requestAnimationFrame(tick);
    }
    requestAnimationFrame(tick);
  }

  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => {
    play(false);
    position = Number(slider.value);
    show();
  });
  return { show };
}
