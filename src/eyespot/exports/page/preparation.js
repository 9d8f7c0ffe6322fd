// A decoded picture to the square that a net sees, as images/preparation.py does it, to the bit.
//
// picture: {data, width, height, channels} as in resample.js, of 1 or 3 channels.
// preparation: the model's {size, channels, fit}.

import { resized } from "./resample.js";

export function prepare(picture, { size, channels, fit }) {
  if (picture.width === size && picture.height === size && picture.channels === channels) {
    return picture;
  }
  let shown = fit === "crop" ? centreSquare(picture) : picture;
  if (channels === 1) shown = grey(shown);
  shown = fit === "pad" ? padded(shown, size) : resized(shown, size, size);
  return shown.channels === channels ? shown : coloured(shown);
}

// ITU-R 601 in fixed point.
export function grey({ data, width, height, channels }) {
  if (channels === 1) return { data, width, height, channels };
  const out = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < out.length; at++, from += 3) {
    out[at] = (19595 * data[from] + 38470 * data[from + 1] + 7471 * data[from + 2] + 32768) >> 16;
  }
  return { data: out, width, height, channels: 1 };
}

export function cut({ data, width, channels }, left, top, wide, tall) {
  const out = new Uint8Array(wide * tall * channels);
  for (let y = 0; y < tall; y++) {
    const from = ((top + y) * width + left) * channels;
    out.set(data.subarray(from, from + wide * channels), y * wide * channels);
  }
  return { data: out, width: wide, height: tall, channels };
}

function centreSquare(picture) {
  const { width, height } = picture;
  const side = Math.min(width, height);
  return cut(picture, (width - side) >> 1, (height - side) >> 1, side, side);
}

// The whole picture in the middle of a square; a side keeps at least one pixel.
function padded(picture, size) {
  const { width, height, channels } = picture;
  if (width === height) return resized(picture, size, size);
  const longest = Math.max(width, height);
  const wide = scaled(width, size, longest);
  const tall = scaled(height, size, longest);
  const small = resized(picture, wide, tall);
  const square = new Uint8Array(size * size * channels);
  const colour = borderColour(picture);
  for (let at = 0; at < square.length; at++) square[at] = colour[at % channels];
  const left = (size - wide) >> 1;
  const top = (size - tall) >> 1;
  for (let y = 0; y < tall; y++) {
    const row = small.data.subarray(y * wide * channels, (y + 1) * wide * channels);
    square.set(row, ((top + y) * size + left) * channels);
  }
  return { data: square, width: size, height: size, channels };
}

function scaled(side, size, longest) {
  return Math.max(1, Math.floor((2 * side * size + longest) / (2 * longest)));
}

// Median per channel of the outermost pixels; of two middle values the larger.
function borderColour({ data, width, height, channels }) {
  return Array.from({ length: channels }, (_, c) => {
    const at = (x, y) => data[(y * width + x) * channels + c];
    const border = [];
    // A picture of one row or column counts it twice, as Python's slices do.
    for (const y of [0, height - 1]) for (let x = 0; x < width; x++) border.push(at(x, y));
    for (const x of [0, width - 1]) for (let y = 1; y < height - 1; y++) border.push(at(x, y));
    border.sort((one, other) => one - other);
    return border[border.length >> 1];
  });
}

export function coloured({ data, width, height }) {
  const out = new Uint8Array(data.length * 3);
  data.forEach((value, at) => out.fill(value, 3 * at, 3 * at + 3));
  return { data: out, width, height, channels: 3 };
}
