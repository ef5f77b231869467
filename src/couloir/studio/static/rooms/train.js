import { element } from "../dom.js";

export const room = {
  name: "train",
  title: "Train",
  lead: "",
  defaults: {},
  mount(place) {
    place.append(element("p", {}, "This room is being built."));
    return {};
  },
};
