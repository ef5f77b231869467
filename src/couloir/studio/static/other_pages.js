// How many other pages of this studio are playing too: each says so once a second while it moves, and is
// forgotten when it has been silent for three.

const BEAT = 1000;
const SILENCE = 3000;

const heard = new Map();
const own = Math.random();
const channel = new BroadcastChannel("couloir-playing");
let said = -Infinity;

channel.addEventListener("message", ({ data }) => heard.set(data, performance.now()));

// Called in every frame of a page that plays.
export function playingStill() {
  const now = performance.now();
  if (now - said < BEAT) return;
  said = now;
  channel.postMessage(own);
}

export function othersPlaying() {
  const now = performance.now();
  for (const [page, when] of heard) if (now - when > SILENCE) heard.delete(page);
  return heard.size;
}
