import { element } from "../dom.js";

export const room = {
  name: "network",
  title: "Network",
  lead: "",
  defaults: {},
  mount(place) {
    place.append(element("p", {}, "This room is being built."));
    return {};
  },
};
