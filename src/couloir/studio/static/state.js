// A room's state and the address: "#race?surface=beale&rate=0.1" has what differs from the room's defaults.

import { recording } from "./wire.js";

export function parse(fragment, rooms) {
  const [name, query = ""] = fragment.replace(/^#/, "").split("?", 2);
  const room = rooms.find((each) => each.name === name) ?? rooms[0];
  const state = structuredClone(room.defaults);
  for (const [key, text] of new URLSearchParams(query)) {
    if (!Object.hasOwn(room.defaults, key)) continue;
    const found = decoded(text, room.defaults[key]);
    if (found !== undefined) state[key] = found;
  }
  return { room, state };
}

export function fragment(room, state) {
  const query = new URLSearchParams();
  for (const [key, usual] of Object.entries(room.defaults)) {
    const value = state[key];
    if (JSON.stringify(value) !== JSON.stringify(usual)) {
      query.set(key, typeof usual === "string" ? value : JSON.stringify(value));
    }
  }
  const text = query.toString();
  return `#${room.name}${text ? `?${text}` : ""}`;
}

export function start() {
  return recording ? recording.fragment : location.hash;
}

// A value of the same type as the usual one, or undefined: an address may be anything.
function decoded(text, usual) {
  if (typeof usual === "string") return text;
  try {
    const value = JSON.parse(text);
    return usual === null || kind(value) === kind(usual) ? value : undefined;
  } catch {
    return undefined;
  }
}

function kind(value) {
  return Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
}
