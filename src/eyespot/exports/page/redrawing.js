// A character found on an ink map, redrawn as a set shows its characters, as images/redrawing.py does
// it, to the bit; the words for each step stand there.

import { above } from "./finding.js";
import { stepsOf, UNIT } from "./inkstyle.js";
import { grown, map, padded } from "./maps.js";
import { resized } from "./resample.js";

const FINE = 8;
const MOST_ROUNDS = 4;

// One channel, size x size, of the ink in a box.
export function redrawn(ink, threshold, style, size) {
  const side = Math.min(Math.floor(style.side.middle * FINE / UNIT), 2 * size * FINE);
  const most = Math.floor(side / 4);
  let grow = 0;
  let small = null;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    small = drawn(ink, threshold, style, size, side, grow);
    const stroke = strokeOf(small, size);
    const lacks = Math.max(style.stroke.low - stroke, 0) + Math.min(style.stroke.high - stroke, 0);
    const more = Math.floor(Math.abs(lacks) * FINE / (2 * UNIT));
    if (more === 0) break;
    grow = Math.min(Math.max(grow + (lacks > 0 ? more : -more), -most), most);
  }
  return Uint8Array.from(small, (value) => {
    const level = Math.floor(value * style.full / 255);
    const grey = style.bright ? style.ground + level : style.ground - level;
    return Math.min(Math.max(grey, 0), 255);
  });
}

function drawn(ink, threshold, style, size, side, grow) {
  const page = placed(grownBy(lineOf(ink, threshold, side, grow), grow), style, size);
  page.data.forEach((one, at) => (page.data[at] = 255 * one));
  return resized({ ...page, channels: 1 }, size, size).data;
}

function lineOf(ink, threshold, side, grow) {
  const longest = Math.max(ink.width, ink.height);
  const wanted = Math.max(side - 2 * grow, Math.floor(side / 2));
  const scaled = (one) => Math.max(Math.floor((2 * one * wanted + longest) / (2 * longest)), FINE / 2);
  return above(resized({ ...ink, channels: 1 }, scaled(ink.width), scaled(ink.height)), threshold);
}

function strokeOf(ink, side) {
  const squares = ink.reduce((sum, value) => sum + value * value, 0);
  return Math.floor(2 * UNIT * squares / Math.max(255 * stepsOf(ink, side), 1));
}

function grownBy(line, grow) {
  if (grow > 0) return widened(padded(line, grow, 0), grow);
  const ground = widened(flipped(padded(line, 1, 0)), -grow);
  const out = map(line.width, line.height);
  for (let y = 0; y < line.height; y++) {
    const from = (y + 1) * ground.width + 1;
    out.data.set(ground.data.subarray(from, from + line.width), y * line.width);
  }
  return flipped(out);
}

const flipped = ({ data, width, height }) => map(width, height, data.map((one) => 1 - one));

// By a pixel at a time, to the 4 neighbours and to the 8 in turn.
function widened(page, times) {
  let found = page;
  for (let step = 0; step < times; step++) found = step % 2 ? grown(found, 1) : toFour(found);
  return found;
}

function toFour({ data, width, height }) {
  const out = map(width, height, data.slice());
  data.forEach((one, at) => {
    if (!one) return;
    const x = at % width;
    if (x > 0) out.data[at - 1] = 1;
    if (x + 1 < width) out.data[at + 1] = 1;
    if (at >= width) out.data[at - width] = 1;
    if (at + width < data.length) out.data[at + width] = 1;
  });
  return out;
}

// On a page of size * FINE pixels; what lies beyond is cut off.
function placed(line, style, size) {
  const side = size * FINE;
  const page = map(side, side);
  const [ofRows, ofColumns] = [new Float64Array(line.height), new Float64Array(line.width)];
  line.data.forEach((one, at) => {
    ofRows[Math.floor(at / line.width)] += one;
    ofColumns[at % line.width] += one;
  });
  const top = start(ofRows, style.down.middle, side, style.by_mass);
  const left = start(ofColumns, style.right.middle, side, style.by_mass);
  for (let y = Math.max(-top, 0); y < line.height && y + top < side; y++) {
    for (let x = Math.max(-left, 0); x < line.width && x + left < side; x++) {
      page.data[(y + top) * side + x + left] = line.data[y * line.width + x];
    }
  }
  return page;
}

// Where a line of so many pixels in each row (or column) begins.
function start(counts, middle, side, byMass) {
  const { length } = counts;
  const mass = counts.reduce((one, other) => one + other, 0);
  let centre = length;  // twice, from the line's own beginning
  if (byMass && mass) {
    centre = Math.floor(counts.reduce((sum, num, place) => sum + num * (2 * place + 1), 0) / mass);
  }
  const begin = Math.floor((side + Math.floor(2 * middle * FINE / UNIT) - centre) / 2);
  // What would lie across the edge is moved inside, if it has room there.
  return length <= side ? Math.min(Math.max(begin, 0), side - length) : Math.floor((side - length) / 2);
}
