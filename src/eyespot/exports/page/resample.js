// Pillow's antialiased BILINEAR, to the bit: images/preparation.py says why this filter.
//
// Pictures here are {data, width, height, channels}: data holds 8-bit values, row by row, the
// channels of a pixel side by side. The width is resized first, then the height, each rounded to
// 8 bits; the weights are fixed point with 22 bits.

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

export function resized(picture, width, height) {
  const wide = picture.width === width ? picture : resizedWidth(picture, width);
  return wide.height === height ? wide : resizedHeight(wide, height);
}

// For each of `after` places: where its pixels begin among `before`, and their weights.
function windows(before, after) {
  const scale = before / after;
  const spread = Math.max(scale, 1);  // half the triangle's base
  return Array.from({ length: after }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - spread + 0.5), 0);
    const end = Math.min(Math.trunc(centre + spread + 0.5), before);
    const weights = new Float64Array(end - first);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      // The order of these operations is Pillow's: another would differ in the last bit.
      const distance = Math.abs((k + first - centre + 0.5) * (1 / spread));
      weights[k] = distance < 1 ? 1 - distance : 0;
      sum += weights[k];
    }
    const fixed = Int32Array.from(weights, (one) => {
      const share = sum === 0 ? one : one / sum;
      return Math.trunc(0.5 + share * (1 << PRECISION));
    });
    return { first, weights: fixed };
  });
}

function resizedWidth({ data, width, height, channels }, after) {
  const out = new Uint8Array(after * height * channels);
  const all = windows(width, after);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < after; x++) {
      const { first, weights } = all[x];
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        let from = (y * width + first) * channels + c;
        for (let k = 0; k < weights.length; k++, from += channels) sum += data[from] * weights[k];
        out[(y * after + x) * channels + c] = rounded(sum);
      }
    }
  }
  return { data: out, width: after, height, channels };
}

function resizedHeight({ data, width, height, channels }, after) {
  const row = width * channels;
  const out = new Uint8Array(row * after);
  windows(height, after).forEach(({ first, weights }, y) => {
    for (let x = 0; x < row; x++) {
      let sum = HALF;
      let from = first * row + x;
      for (let k = 0; k < weights.length; k++, from += row) sum += data[from] * weights[k];
      out[y * row + x] = rounded(sum);
    }
  });
  return { data: out, width, height: after, channels };
}

function rounded(sum) {
  return Math.min(sum >> PRECISION, 255);  // no weight is negative, so neither is the sum
}
