// Maps of one value a pixel, {data, width, height}, and what is done to them as a whole.

export function map(width, height, data = new Uint8Array(width * height)) {
  return { data, width, height };
}

export function channelOf({ data, width, height, channels }, channel) {
  if (channels === 1) return map(width, height, data);
  return map(width, height, Uint8Array.from({ length: width * height }, (_, at) => data[at * channels + channel]));
}

// The largest (or smallest) of each run of `window` values along an axis, by doubling; "right" or
// "down". The map is shorter by window - 1 there.
export function slid(values, window, axis, largest) {
  const num = (axis === "right" ? values.width : values.height) - window + 1;
  let found = values;
  let have = 1;
  for (; 2 * have <= window; have *= 2) found = paired(found, have, axis, largest);
  const rest = window - have;
  return rest || sideOf(found, axis) > num ? paired(found, rest, axis, largest, num) : found;
}

const sideOf = ({ width, height }, axis) => (axis === "right" ? width : height);

// Each value with the one `apart` places further; `num` of them along the axis.
function paired({ data, width, height }, apart, axis, largest, num = null) {
  const wide = axis === "right" ? num ?? width - apart : width;
  const tall = axis === "down" ? num ?? height - apart : height;
  const step = axis === "right" ? apart : apart * width;
  const out = map(wide, tall);
  for (let y = 0, at = 0; y < tall; y++) {
    for (let x = 0, from = y * width; x < wide; x++, from++, at++) {
      const one = data[from];
      const other = data[from + step];
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
