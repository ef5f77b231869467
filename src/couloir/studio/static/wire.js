// Questions to the server and their answers. `connect` gives `ask(room, name, with)`; in an exported page the
// same questions are answered from the tape that lies in it.

const recorded = document.getElementById("recording");

export const recording = recorded ? JSON.parse(recorded.textContent) : null;

export function connect({ opened, lost }) {
  return recording ? new Tape(recording.tape, opened) : new Socket(opened, lost);
}

// An answer's message: {id, values, arrays: {name: typed array with a shape}} or {id, error}.
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (header.error !== undefined) return header;
  const arrays = {};
  let at = filled(4 + length);
  for (const { name, dtype, shape } of header.arrays) {
    const size = shape.reduce((product, each) => product * each, 1);
    arrays[name] = new KINDS[dtype](buffer, at, size);
    arrays[name].shape = shape;
    at = filled(at + arrays[name].byteLength);
  }
  return { id: header.id, values: header.values, arrays };
}

const KINDS = { float64: Float64Array, float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

function filled(count) {
  return Math.ceil(count / 8) * 8;
}

// The same question is always the same text, whatever the order in which its arguments were named.
function canonical(room, name, given) {
  const sorted = (value) => {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  };
  return JSON.stringify([room, name, sorted(given)]);
}

export class Refused extends Error {}

// For catch: what was refused has been said on the page already; anything else is a fault, and is not hidden.
export function onlyRefused(error) {
  if (!(error instanceof Refused)) throw error;
}

// Gives a person's file to the session; returns the name that it is known under.
export async function upload(file, session) {
  const address = `/upload?name=${encodeURIComponent(file.name)}`;
  const answer = await fetch(address, { method: "POST", headers: { "X-Session": session }, body: file });
  if (!answer.ok) throw new Refused((await answer.text()).trim());
  return (await answer.json()).name;
}

// Of what is called while an earlier call still runs, only the newest is done, when that one has ended: what a
// person drags is asked about as often as there are answers. A refusal has been told to the person already.
export function newest(action) {
  let running = null, next = null;
  const run = async (given) => {
    try {
      await action(...given);
    } catch (error) {
      if (!(error instanceof Refused)) reportError(error);
    }
    const following = next;
    next = null;
    running = following && run(following);
    return running;
  };
  return (...given) => {
    if (running) next = given;
    else running = run(given);
    return running;
  };
}

class Socket {
  constructor(opened, lost) {
    this.opened = opened;
    this.lost = lost;
    this.number = 0;
    this.waiting = new Map();
    this.pairs = null;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/session`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => this.close();
  }

  receive(message) {
    const answer = unpacked(message);
    if (answer.id === 0) {
      this.session = answer.values.session;
      this.reason = null;
      this.opened();
    } else if (answer.id === null) {
      this.reason = answer.error;
    } else {
      const waiter = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if (answer.error !== undefined) waiter?.reject(new Refused(answer.error));
      else {
        if (this.pairs) this.pairs.push([waiter.question, base64(message)]);
        waiter?.resolve(answer);
      }
    }
  }

  close() {
    const gone = new Refused("The studio does not answer any more.");
    for (const waiter of this.waiting.values()) waiter.reject(gone);
    this.waiting.clear();
    this.lost(this.reason);
    setTimeout(() => this.open(), 2000);
  }

  ask(room, name, given = {}) {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Refused("The studio is not there."));
    const id = ++this.number;
    const answer = new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, question: canonical(room, name, given) });
    });
    this.socket.send(JSON.stringify({ id, room, ask: name, with: given }));
    return answer;
  }

  // From now on keep every answer; `finish` gives [[question, answer in base64], …].
  record() {
    this.pairs = [];
    return { finish: () => { const pairs = this.pairs; this.pairs = null; return pairs; } };
  }
}

// Answers from a recording, those to the same question in their order, the last one for ever.
class Tape {
  constructor(pairs, opened) {
    this.answers = new Map();
    for (const [question, message] of pairs) {
      if (!this.answers.has(question)) this.answers.set(question, []);
      this.answers.get(question).push(message);
    }
    setTimeout(opened);
  }

  async ask(room, name, given = {}) {
    const left = this.answers.get(canonical(room, name, given));
    if (!left) throw new Refused("This page is a recording, which does not go on from here: start couloir studio.");
    const message = left.length > 1 ? left.shift() : left[0];
    return unpacked(Uint8Array.from(atob(message), (c) => c.charCodeAt(0)).buffer);
  }
}

function base64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
