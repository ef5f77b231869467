// A training as the page knows it: which epochs have come, their scores, and what was drawn of them.
//
//   const feed = new Feed(studio, { begun(about) {}, came(epoch) {}, waits() {} });
//   await feed.begin(settings, member);        // ends what was trained before; only the latest settings count
//   await feed.more(from, stride);             // a few more epochs after `from`
//   feed.frame(epoch);                         // the latest that has come up to this epoch
//   await feed.exactly(epoch);                 // that very one

const TOGETHER = 4; // questions that are asked at once
const MOST_HELD = 900; // frames whose pictures are kept
const RECORDED = 36e6; // bytes of all frames of a recording

export class Feed {
  constructor(studio, { begun, came, waits }) {
    this.studio = studio;
    this.told = { begun, came, waits };
    this.generation = 0;
    this.waiting = null;
    this.beginning = null;
    this.about = null;
    this.frames = new Map();
    this.known = -1;
    this.end = null;
    this.member = -1;
  }

  // Beginning ------------------------------------------------------------------------------------------------

  // Settings that come while others are being begun take their place.
  begin(settings, member) {
    this.generation += 1;
    this.waiting = { settings, member };
    this.beginning ??= this.#beginLatest().finally(() => { this.beginning = null; });
    return this.beginning;
  }

  async #beginLatest() {
    while (this.waiting) {
      const next = this.waiting;
      this.waiting = null;
      await this.#begin(next);
    }
  }

  async #begin({ settings, member }) {
    const { generation } = this;
    try {
      const answer = await this.studio.ask("begin", settings);
      if (generation !== this.generation) return;
      this.about = { ...answer.values, arrays: answer.arrays, epochs: settings.epochs };
      this.member = member;
      this.frames.clear();
      this.known = -1;
      this.end = null;
      this.#room();
      this.told.begun(this.about);
      await this.#fetch(0, -1);
    } catch (error) {
      if (generation === this.generation && !this.waiting) throw error;
    }
  }

  // Every member's scores by epoch: curves[member][part][metric] is { values, count }, as a chart wants it.
  #room() {
    const { members, metrics, epochs } = this.about;
    const curve = () => ({ values: new Float64Array(epochs + 1).fill(NaN), count: 0 });
    this.curves = members.map(() => [0, 1].map(() => metrics.map(curve)));
  }

  // Frames ---------------------------------------------------------------------------------------------------

  get last() {
    return this.end ?? this.about?.epochs ?? 0;
  }

  // How many epochs a frame stands for in a recording: all of them have to fit into one file.
  get recordedStride() {
    const { members, epochs } = this.about;
    const neurons = Math.max(...members.map(({ widths }) => widths.slice(1, -1).reduce((sum, each) => sum + each, 0)));
    const bytes = 1.4 * (600 * neurons + 4000 + (members.length > 1 ? 1024 * members.length : 0) + 4 * members[0].parameters);
    return Math.max(1, Math.ceil((bytes * epochs) / RECORDED));
  }

  // Returns the last epoch that was asked for, or null where something else is trained by now.
  async more(from, stride) {
    const { generation } = this;
    const asked = [];
    let since = from;
    while (since < this.last && asked.length < (this.known < 1 ? 1 : TOGETHER)) {
      const epoch = Math.min(since + stride, this.last);
      asked.push(this.#fetch(epoch, since));
      since = epoch;
    }
    await Promise.all(asked);
    return generation === this.generation ? since : null;
  }

  // Asks until the epoch is there; an answer to what is no longer trained is passed over.
  async #fetch(epoch, since) {
    const { generation, member } = this;
    for (;;) {
      const answer = await this.studio.ask("frame", { epoch, since, member });
      if (generation !== this.generation) return null;
      if (answer.values.waiting) {
        this.told.waits();
        continue;
      }
      this.#take(answer, epoch, member);
      return answer;
    }
  }

  #take(answer, asked, member) {
    const { values, arrays } = answer;
    this.#note(values, arrays.scores);
    if (member === this.member) this.#hold(values.epoch, answer);
    if (values.epoch < asked || (values.ended && values.epoch === asked)) this.end = values.epoch;
    if (values.epoch > this.known) this.known = values.epoch;
    this.told.came(this.known);
  }

  // A curve ends where its member has stopped; what has diverged goes on without a number.
  #note({ first, epoch: last, states }, scores) {
    const { members, metrics } = this.about;
    let at = 0;
    for (let epoch = first; epoch <= last; epoch += 1) {
      for (let member = 0; member < members.length; member += 1) {
        for (const part of this.curves[member]) {
          for (let metric = 0; metric < metrics.length; metric += 1, at += 1) {
            part[metric].values[epoch] = scores[at];
            const there = Number.isFinite(scores[at]) || (epoch > 0 && states[member] === "diverged");
            if (there) part[metric].count = Math.max(part[metric].count, epoch + 1);
          }
        }
      }
    }
  }

  #hold(epoch, answer) {
    this.frames.set(epoch, answer);
    if (this.frames.size > MOST_HELD) this.frames.delete(this.frames.keys().next().value);
  }

  frame(epoch) {
    for (let at = epoch; at >= 0; at -= 1) if (this.frames.has(at)) return this.frames.get(at);
    return null;
  }

  async exactly(epoch) {
    return this.frames.get(epoch) ?? this.#fetch(epoch, epoch);
  }

  // Another member is to be drawn: what was drawn of the last one is of no use.
  look(member) {
    this.member = member;
    this.frames.clear();
  }

  // All frames of a recording, in the steps in which a replay asks for them.
  async all() {
    await this.beginning;
    let at = 0;
    while (at !== null && at < this.last) at = await this.more(at, this.recordedStride);
  }
}
