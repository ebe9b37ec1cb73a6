"use strict";
// Series of the page: decoding, and the same signal at any resolution. Times are float64 seconds; values are kept as the
// float32 of (value - offset) / scale that the page carries and are only turned back when they are read.
const Levels = (() => {
  const RATIO = 4;

  // Typed arrays have the order of bytes of the machine; every machine that runs a browser today is little-endian.
  function floats(coded) {
    const raw = atob(coded);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Float32Array(bytes.buffer);
  }

  function coarser(level) {
    const count = Math.ceil(level.mean.length / RATIO);
    const min = new Float32Array(count), mean = new Float32Array(count), max = new Float32Array(count);
    for (let k = 0; k < count; k++) {
      const stop = Math.min((k + 1) * RATIO, level.mean.length);
      let low = Infinity, high = -Infinity, sum = 0;
      for (let i = k * RATIO; i < stop; i++) {
        if (level.min[i] < low) low = level.min[i];
        if (level.max[i] > high) high = level.max[i];
        sum += level.mean[i];
      }
      min[k] = low; max[k] = high; mean[k] = sum / (stop - k * RATIO);
    }
    return { period: level.period * RATIO, min, mean, max };
  }

  // A piece holds one stretch of time; its levels are a pyramid of ever longer buckets.
  function piece(coded) {
    const mean = floats(coded.value === undefined ? coded.mean : coded.value);
    const plain = coded.value !== undefined;
    const levels = [{ period: coded.period, mean, min: plain ? mean : floats(coded.min), max: plain ? mean : floats(coded.max) }];
    while (levels[levels.length - 1].mean.length > 64) levels.push(coarser(levels[levels.length - 1]));
    return { start: coded.start, stop: coded.start + coded.n * coded.period, levels };
  }

  class Series {
    constructor(coded) {
      this.offset = coded.offset;
      this.scale = coded.scale;
      this.pieces = coded.pieces.map(piece); // the whole run first, then ever finer stretches
    }

    // Minimum, mean and maximum over cells [from + k step, from + (k + 1) step), multiplied by `factor`; cells without
    // data are null. `held` is the longest bucket that had to stand for shorter cells.
    read(from, step, count, factor) {
      const min = new Array(count).fill(null), mean = min.slice(), max = min.slice();
      const got = new Float64Array(count).fill(Infinity);
      this.pieces.forEach((part, index) => this.#paint(part, index === 0, from, step, min, mean, max, got));
      let held = 0;
      const a = this.scale * factor, b = this.offset * factor;
      for (let k = 0; k < count; k++) {
        if (mean[k] === null) continue;
        if (got[k] > held) held = got[k];
        min[k] = min[k] * a + b; mean[k] = mean[k] * a + b; max[k] = max[k] * a + b;
      }
      return { min, mean, max, held };
    }

    #paint(part, whole, from, step, min, mean, max, got) {
      let level = part.levels[0];
      for (const next of part.levels) if (next.period <= step * (1 + 1e-9)) level = next;
      const near = 1e-6 * Math.min(level.period, step), size = level.mean.length, period = level.period;
      // A stretch replaces only cells that it covers wholly; the whole run fills all that it touches.
      const first = Math.max(0, whole ? Math.floor((part.start - from) / step) : Math.ceil((part.start - from - near) / step));
      const stop = Math.min(got.length, whole ? Math.ceil((part.stop - from) / step) : Math.floor((part.stop - from + near) / step));
      for (let k = first; k < stop; k++) {
        if (got[k] <= step * (1 + 1e-9) || got[k] <= period) continue;
        const left = from + k * step - part.start;
        const i0 = Math.max(0, Math.floor((left + near) / period));
        const i1 = Math.min(size, Math.max(i0 + 1, Math.ceil((left + step - near) / period)));
        if (i0 >= i1) continue;
        let low = Infinity, high = -Infinity, sum = 0;
        for (let i = i0; i < i1; i++) {
          if (level.min[i] < low) low = level.min[i];
          if (level.max[i] > high) high = level.max[i];
          sum += level.mean[i];
        }
        if (!(low <= high)) continue;
        min[k] = low; max[k] = high; mean[k] = sum / (i1 - i0); got[k] = period;
      }
    }
  }

  return { Series };
})();
