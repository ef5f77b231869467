import { element } from "../dom.js";

export const room = {
  name: "line",
  title: "Line",
  lead: "",
  defaults: {},
  mount(place) {
    place.append(element("p", {}, "This room is being built."));
    return {};
  },
};
