// Maps of one value a pixel, {data, width, height}, and what is done to them as a whole.

export function map(width, height, data = new Uint8Array(width * height)) {
  return { data, width, height };
}

export function channelOf({ data, width, height, channels }, channel) {
  if (channels === 1) return map(width, height, data);
  return map(width, height, Uint8Array.from({ length: width * height }, (_, at) => data[at * channels + channel]));
}

// The largest (or smallest) of each run of `window` values along an axis, "right" or "down"; the map
// is shorter by window - 1 there. In three steps a pixel, whatever the window: along blocks as long
// as the window, the largest so far from either end; every run ends in one block and begins in the
// one before, or is one. Source: van Herk 1992, Pattern Recognition Letters 13.
export function slid({ data, width, height }, window, axis, largest) {
  const right = axis === "right";
  const step = right ? 1 : width;
  const length = right ? width : height;
  const begins = Uint8Array.from({ length: length + 1 }, (_, place) => (place % window === 0 ? 1 : 0));
  begins[length] = 1;
  const [fromStart, fromEnd] = [data.slice(), data.slice()];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (begins[right ? x : y]) continue;
      const before = fromStart[at - step];
      if ((before > fromStart[at]) === largest) fromStart[at] = before;
    }
  }
  for (let y = height - 1, at = data.length - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--, at--) {
      if (begins[(right ? x : y) + 1]) continue;
      const behind = fromEnd[at + step];
      if ((behind > fromEnd[at]) === largest) fromEnd[at] = behind;
    }
  }
  const out = map(right ? width - window + 1 : width, right ? height : height - window + 1);
  const last = (window - 1) * step;
  for (let y = 0, at = 0; y < out.height; y++) {
    for (let x = 0, from = y * width; x < out.width; x++, from++, at++) {
      const one = fromEnd[from];
      const other = fromStart[from + last];
      out.data[at] = (one > other) === largest ? one : other;
    }
  }
  return out;
}

// The largest, then the smallest value of each square window: smaller by 2 * (window - 1).
export function closing(values, window) {
  let found = values;
  for (const largest of [true, false]) {
    for (const axis of ["down", "right"]) found = slid(found, window, axis, largest);
  }
  return found;
}

// A mask of 0 and 1, grown by `reach` to all sides, squares and not discs; as large as before.
export function grown(mask, reach) {
  let found = padded(mask, reach, 0);
  for (const axis of ["down", "right"]) found = slid(found, 2 * reach + 1, axis, true);
  return found;
}

// `margin` more to every side; of one value, or, where none is given, of the outermost pixels.
export function padded({ data, width, height }, margin, value = null) {
  const out = map(width + 2 * margin, height + 2 * margin);
  if (value) out.data.fill(value);
  for (let y = 0; y < out.height; y++) {
    const inside = Math.min(Math.max(y - margin, 0), height - 1);
    if (value !== null && inside !== y - margin) continue;
    const row = data.subarray(inside * width, (inside + 1) * width);
    const at = y * out.width;
    out.data.set(row, at + margin);
    if (value !== null) continue;
    out.data.fill(row[0], at, at + margin);
    out.data.fill(row[width - 1], at + margin + width, at + out.width);
  }
  return out;
}

export function inverted({ data, width, height }) {
  return map(width, height, data.map((value) => 255 - value));
}

export function histogram(data) {
  const counts = new Float64Array(256);
  for (const value of data) counts[value]++;
  return counts;
}

// The first place up to which part / of of all, rounded down, and one more are counted.
export function quantile(counts, part, of) {
  const wanted = Math.floor(counts.reduce((one, other) => one + other, 0) * part / of);
  let upto = 0;
  for (let place = 0; place < counts.length; place++) {
    upto += counts[place];
    if (upto > wanted) return place;
  }
  return counts.length;
}

// The level that parts a histogram best: the class above it is what exceeds the level.
export function otsu(counts) {
  let all = 0;
  let total = 0;
  counts.forEach((num, level) => {
    all += num;
    total += num * level;
  });
  let [best, most] = [0, -1];
  let [below, mass] = [0, 0];
  counts.forEach((num, level) => {
    below += num;
    mass += num * level;
    const apart = total * below - mass * all;
    const both = below * (all - below);
    const spread = both > 0 ? apart * apart / both : 0;
    if (spread > most) [best, most] = [level, spread];
  });
  return best;
}
