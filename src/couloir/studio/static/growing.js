// Numbers that arrive in parts: rows of a fixed width in one typed array, which grows.
//
//   const path = growing(2);            // x and y of each step
//   path.push(array);                   // any number of whole rows
//   path.values[2 * k], path.count      // row k; how many rows there are
//   path.cut(count);                    // forget what comes after

class Growing {
  constructor(width, values) {
    this.width = width;
    this.values = Float64Array.from(values);
    this.count = this.values.length / width;
  }

  push(values) {
    const used = this.count * this.width;
    const needed = used + values.length;
    if (needed > this.values.length) {
      const larger = new Float64Array(Math.max(needed, 2 * this.values.length, 256));
      larger.set(this.values.subarray(0, used));
      this.values = larger;
    }
    this.values.set(values, used);
    this.count = needed / this.width;
  }

  cut(count) {
    this.count = Math.min(this.count, count);
  }
}

export const growing = (width = 1, values = []) => new Growing(width, values);
