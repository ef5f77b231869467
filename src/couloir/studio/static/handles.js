// What can be taken hold of on a plane: for each handle a button over its marker, so that it has a focus, a
// name, and a finger's width. Drag it, or move it with the arrow keys (with Shift ten times as far); Delete,
// or two quick taps, remove it where it has remove().

import { element } from "./dom.js";
import { grain, place as placed, rounded } from "./numbers.js";

const TWICE = 350; // milliseconds between two taps that belong together
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Handles {
  constructor(plane, place, { onPlace = null }) {
    this.plane = plane;
    this.box = place;
    this.shown = [];
    this.buttons = [];
    this.onPlace = onPlace;
    if (onPlace) this.#listenToGround(plane.node);
  }

  set(handles) {
    while (this.buttons.length > handles.length) this.#drop();
    while (this.buttons.length < handles.length) this.buttons.push(this.#button(this.buttons.length));
    this.shown = handles;
    handles.forEach((handle, index) => {
      const text = `${handle.name}, ${placed(handle.x, handle.y, 4)}`;
      this.buttons[index].setAttribute("aria-label", text);
    });
    this.follow();
  }

  // Takes the last button away; whoever deletes one after another goes on with the one before.
  #drop() {
    const button = this.buttons.pop();
    const focused = document.activeElement === button;
    button.remove();
    if (focused) this.buttons.at(-1)?.focus();
  }

  // Puts the buttons where their markers are.
  follow() {
    if (!this.plane.box) return;
    this.shown.forEach(({ x, y }, index) => {
      const [left, top] = this.plane.pixel(x, y);
      const { style } = this.buttons[index];
      style.left = `${left}px`;
      style.top = `${top}px`;
      style.visibility = left < -20 || top < -20 || left > this.plane.picture.width + 20 ? "hidden" : "visible";
    });
  }

  close() {
    for (const button of this.buttons) button.remove();
  }

  // The value of a pixel, to about a three-hundredth of the picture: numbers fit to be read and shared.
  #at(event) {
    const { left, top } = this.plane.node.getBoundingClientRect();
    return this.#round(...this.plane.place(event.clientX - left, event.clientY - top));
  }

  #round(x, y) {
    const { x: across, y: up } = this.plane;
    return [rounded(x, grain(across.high - across.low)), rounded(y, grain(up.high - up.low))];
  }

  #button(index) {
    const button = element("button.handle", { type: "button" });
    const handle = () => this.shown[index];
    drag(button, (event, done) => handle().move(...this.#at(event), done));
    let before = -Infinity;
    button.addEventListener("pointerup", (event) => {
      if (event.timeStamp - before < TWICE) handle()?.remove?.();
      before = event.timeStamp;
    });
    button.addEventListener("keydown", (event) => this.#key(event, handle()));
    this.box.append(button);
    return button;
  }

  #key(event, handle) {
    if ((event.key === "Delete" || event.key === "Backspace") && handle.remove) {
      event.preventDefault();
      handle.remove();
      return;
    }
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const { x, y } = this.plane;
    const far = event.shiftKey ? 10 : 1;
    const steps = [grain(x.high - x.low, 150), grain(y.high - y.low, 150)].map((step) => step * far);
    handle.move(...this.#round(handle.x + way[0] * steps[0], handle.y + way[1] * steps[1]), true);
  }

  #listenToGround(node) {
    node.classList.add("ground");
    drag(node, (event, done) => this.onPlace(...this.#at(event), done), (event) => {
      const { left, top } = node.getBoundingClientRect();
      const { box } = this.plane;
      const [x, y] = [event.clientX - left, event.clientY - top];
      return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    });
  }
}

// Calls back while a pointer that went down on the node moves, and once more, done, when it is let go. A press
// that did not move counts as done where it is, on the ground; on a handle it only takes the focus.
function drag(node, moved, begins = null) {
  let held = null;
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (begins && !begins(event))) return;
    held = { pointer: event.pointerId, moving: false };
    node.setPointerCapture(event.pointerId);
    // A finger that scrolls the page has not chosen a place yet.
    if (begins && event.pointerType !== "touch") moved(event, false);
  });
  node.addEventListener("pointermove", (event) => {
    if (held?.pointer !== event.pointerId || (begins && event.pointerType === "touch")) return;
    held.moving = true;
    moved(event, false);
  });
  node.addEventListener("pointerup", (event) => {
    if (held?.pointer !== event.pointerId) return;
    const { moving } = held;
    held = null;
    if (moving || begins) moved(event, true);
  });
  node.addEventListener("pointercancel", () => {
    held = null;
  });
}
