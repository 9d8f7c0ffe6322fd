// From pixels to ink: how much of what is written each pixel has, as images/paper.py finds it, to
// the bit; the words for each step stand there.

import { channelOf, closing, histogram, inverted, map, otsu, padded, quantile, slid } from "./maps.js";

const LEAST_PAPER = 64;
const LEAST_GRAIN = 3;
const LONGEST_POLARITY = 256;

// {ink: map, threshold, contrast, grain, reduction} of a picture as in resample.js.
export function readPaper(picture, { longest, sides = false }) {
  const { small, factor } = reduced(picture, longest);
  const num = small.channels === 3 && isGrey(small) ? 1 : small.channels;
  const channels = Array.from({ length: num }, (_, c) => smoothed(channelOf(small, c)));
  const width = odd(Math.floor(Math.min(small.width, small.height) / 3));
  const ink = mixed(channels.map((channel) => inkOf(channel, width, sides)));
  const grain = grainOf(ink);
  return stretched(withoutTexture(ink, Math.max(4, Math.floor(width / 4))), grain, factor);
}

// The picture, its longer side `longest` or less, and the whole factor, as Pillow's `reduce`.
export function reduced(picture, longest) {
  const { data, width, height, channels } = picture;
  const factor = Math.ceil(Math.max(width, height) / longest);
  if (factor === 1) return { small: picture, factor };
  const wide = Math.ceil(width / factor);
  const tall = Math.ceil(height / factor);
  const out = new Uint8Array(wide * tall * channels);
  for (let y = 0, at = 0; y < tall; y++) {
    const bottom = Math.min((y + 1) * factor, height);
    for (let x = 0; x < wide; x++) {
      const right = Math.min((x + 1) * factor, width);
      const num = (bottom - y * factor) * (right - x * factor);
      const share = Math.floor(2 ** 24 / num);
      for (let c = 0; c < channels; c++, at++) {
        let sum = num >> 1;
        for (let row = y * factor; row < bottom; row++) {
          for (let k = x * factor; k < right; k++) sum += data[(row * width + k) * channels + c];
        }
        out[at] = Math.floor(sum * share / 2 ** 24);
      }
    }
  }
  return { small: { data: out, width: wide, height: tall, channels }, factor };
}

function isGrey({ data }) {
  for (let at = 0; at < data.length; at += 3) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return false;
  }
  return true;
}

const odd = (number) => Math.max(3, number | 1);

function smoothed(channel) {
  let found = channel;
  for (let time = 0; time < 2; time++) {
    if (Math.min(found.width, found.height) < 100 || grainOf(found) < LEAST_GRAIN) break;
    const wide = padded(found, 1);
    const out = map(found.width, found.height);
    for (let y = 0, at = 0; y < out.height; y++) {
      for (let x = 0; x < out.width; x++, at++) {
        let sum = 4;
        for (let row = y; row < y + 3; row++) {
          const from = row * wide.width + x;
          sum += wide.data[from] + wide.data[from + 1] + wide.data[from + 2];
        }
        out.data[at] = Math.floor(sum / 9);
      }
    }
    found = out;
  }
  return found;
}

// The median difference of neighbours in a row.
function grainOf({ data, width, height }) {
  const counts = new Float64Array(256);
  for (let y = 0; y < height; y++) {
    for (let at = y * width; at < (y + 1) * width - 1; at++) counts[Math.abs(data[at] - data[at + 1])]++;
  }
  return quantile(counts, 1, 2);
}

function inkOf(channel, window, sides) {
  const dark = isDark(channel, window, sides);
  const values = dark ? channel : inverted(channel);
  const paper = paperUnder(values, window, sides);
  const ink = paper.data.map((level, at) => {
    const difference = level - values.data[at];
    return dark ? Math.floor(difference * 255 / Math.max(level, LEAST_PAPER)) : difference;
  });
  return map(channel.width, channel.height, ink);
}

function isDark(channel, window, sides) {
  const { small, factor } = reduced({ ...channel, channels: 1 }, LONGEST_POLARITY);
  const width = odd(Math.floor(window / factor));
  const [dark, light] = [small, inverted(small)].map((values) => roughness(paperUnder(values, width, sides)));
  return dark <= light;
}

function roughness({ data, width, height }) {
  let sum = 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (x + 1 < width) sum += Math.abs(data[at] - data[at + 1]);
      if (y + 1 < height) sum += Math.abs(data[at] - data[at + width]);
    }
  }
  return sum;
}

function paperUnder(values, window, sides) {
  return closing(continued(values, window - 1, sides), window);
}

function continued(values, margin, sides) {
  const { data, width, height } = values;
  const page = padded(values, margin);
  const column = (x) => Uint8Array.from({ length: height }, (_, y) => data[y * width + x]);
  const top = data.slice(0, width);
  const bottom = data.slice((height - 1) * width);
  const left = column(0);
  const right = column(width - 1);
  const [above, below, before, behind] = [top, bottom, left, right].map(closedLine);
  for (let y = 0; y < page.height; y++) {
    const at = y * page.width;
    const inside = y - margin;
    if (inside < 0) page.data.set(above, at + margin);
    else if (inside >= height) page.data.set(below, at + margin);
    else {
      page.data.fill(before[inside], at, at + margin);
      page.data.fill(behind[inside], at + margin + width, at + page.width);
    }
  }
  if (sides) {
    const paper = Math.max(...[top, bottom, left, right].map((line) => line.slice().sort()[line.length >> 1]));
    for (let at = 0; at < page.data.length; at++) page.data[at] = Math.max(page.data[at], paper);
    for (let y = 0; y < height; y++) {
      page.data.set(data.subarray(y * width, (y + 1) * width), (y + margin) * page.width + margin);
    }
  }
  return page;
}

function closedLine(line) {
  const window = odd(Math.floor(3 * line.length / 4));
  const margin = window - 1;
  const wide = new Uint8Array(line.length + 2 * margin);
  wide.fill(line[0], 0, margin);
  wide.set(line, margin);
  wide.fill(line[line.length - 1], margin + line.length);
  return slid(slid(map(wide.length, 1, wide), window, "right", true), window, "right", false).data;
}

// One ink of those of the channels.
function mixed(inks) {
  if (inks.length === 1) return inks[0];
  const [red, green, blue] = inks.map(({ data }) => data);
  const most = red.map((value, at) => Math.max(value, green[at], blue[at]));
  const level = otsu(histogram(most));
  const weights = [0, 0, 0];
  let num = 0;
  most.forEach((value, at) => {
    if (value <= level) return;
    num++;
    weights[0] += red[at];
    weights[1] += green[at];
    weights[2] += blue[at];
  });
  const means = weights.map((weight) => Math.floor(weight / Math.max(num, 1)));
  const total = Math.max(means[0] + means[1] + means[2], 1);
  const found = red.map((value, at) =>
    Math.floor((value * means[0] + green[at] * means[1] + blue[at] * means[2]) / total));
  return map(inks[0].width, inks[0].height, found);
}

// The ink less what is usual around it.
function withoutTexture(ink, block) {
  const { data, width, height } = ink;
  const down = Math.ceil(height / block);
  const across = Math.ceil(width / block);
  const usual = map(across, down);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) usual.data[y * across + x] = middleOf(ink, x * block, y * block, block);
  }
  const opened = inverted(closing(padded(inverted(usual), 4, 255), 5));
  const found = data.map((value, at) => {
    const x = Math.floor((at % width) / block);
    const y = Math.floor(Math.floor(at / width) / block);
    return Math.max(value - opened.data[y * across + x], 0);
  });
  return map(width, height, found);
}

// The middle value of a block, the larger of two; beyond the edges the outermost pixels go on.
function middleOf({ data, width, height }, left, top, block) {
  const counts = new Float64Array(256);
  for (let y = top; y < top + block; y++) {
    const row = Math.min(y, height - 1) * width;
    for (let x = left; x < left + block; x++) counts[data[row + Math.min(x, width - 1)]]++;
  }
  return quantile(counts, 1, 2);
}

function stretched(ink, grain, reduction) {
  const counts = histogram(ink.data);
  const level = otsu(counts);
  const above = counts.slice(level + 1);
  const noise = quantile(counts.slice(0, level + 1), 1, 2);
  const full = above.some((num) => num) ? level + 1 + quantile(above, 9, 10) : level;
  const span = Math.max(full - noise, 1);
  const levels = Uint8Array.from({ length: 256 }, (_, one) =>
    Math.min(Math.max(Math.floor((one - noise) * 255 / span), 0), 255));
  return {
    ink: map(ink.width, ink.height, ink.data.map((value) => levels[value])),
    threshold: levels[level],
    contrast: Math.max(full - noise, 0),
    grain,
    reduction,
  };
}
