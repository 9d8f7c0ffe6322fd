// The ink bridge: a photo, scan or drawing of a character to what a net was trained on, as
// images/ink.py does it, to the bit; the words for each step stand there.

import { findCharacter } from "./finding.js";
import { cutOff, resembles } from "./inkstyle.js";
import { grown, histogram, map } from "./maps.js";
import { readPaper } from "./paper.js";
import { coloured, cut, prepare } from "./preparation.js";
import { redrawn } from "./redrawing.js";

const LONGEST = 640;
const LONGEST_LOOK = 320;
const LEAST_CONTRAST = 10;
const GRAINS = 6;

// {picture, box}: what the model sees, and where in the given picture the character is, {top, left,
// bottom, right}; null where the picture was taken as it is. Throws where nothing is written.
export function bridged(given, preparation) {
  const { size, channels, ink: style } = preparation;
  const plain = prepare(given, preparation);
  if (!style || resembles(plain, style)) return { picture: plain, box: null };
  const own = given.width === size && given.height === size && given.channels === channels;
  if (own && cutOff(plain, style)) return { picture: plain, box: null };
  const character = characterOf(given);
  const data = redrawn(character.ink, character.threshold, style, size);
  const picture = { data, width: size, height: size, channels: 1 };
  return { picture: channels === 1 ? picture : coloured(picture), box: character.box };
}

// {box, ink, threshold}: ink is the map of the character alone, cut out.
function characterOf(given) {
  let { paper, found } = foundOn(given);
  let times = paper.reduction;
  let [up, before] = [0, 0];
  const box = scaled(found.box, times);
  const margin = Math.floor(longestOf(box) / 2) + 2;
  const [top, left] = [Math.max(box.top - margin, 0), Math.max(box.left - margin, 0)];
  const [bottom, right] = [Math.min(box.bottom + margin, given.height), Math.min(box.right + margin, given.width)];
  if (right - left !== given.width || bottom - top !== given.height || times > 1) {
    const look = readPaper(cut(given, left, top, right - left, bottom - top), { longest: LONGEST_LOOK });
    const around = grown(found.mask, Math.floor(longestOf(found.box) / 16) + 2);
    const again = findCharacter(only(look, around, { top, left }, times), look.threshold);
    if (again) {
      [paper, found, times] = [look, again, look.reduction];
      [up, before] = [top, left];
    }
  }
  const place = scaled(found.box, times);
  return {
    box: { top: place.top + up, left: place.left + before, bottom: place.bottom + up, right: place.right + before },
    ink: inside(paper.ink, found),
    threshold: found.threshold,
  };
}

const longestOf = ({ top, left, bottom, right }) => Math.max(bottom - top, right - left);

function scaled({ top, left, bottom, right }, times) {
  return { top: top * times, left: left * times, bottom: bottom * times, right: right * times };
}

// The ink of a look at a part of the picture where a mask of the whole, `times` smaller, is set.
function only({ ink, reduction }, mask, { top, left }, times) {
  const seenAt = (start, num, most) => Int32Array.from({ length: num }, (_, k) =>
    Math.min(Math.floor((start + k * reduction + (reduction >> 1)) / times), most - 1));
  const rows = seenAt(top, ink.height, mask.height);
  const columns = seenAt(left, ink.width, mask.width);
  const out = map(ink.width, ink.height);
  for (let y = 0, at = 0; y < ink.height; y++) {
    for (let x = 0; x < ink.width; x++, at++) {
      if (mask.data[rows[y] * mask.width + columns[x]]) out.data[at] = ink.data[at];
    }
  }
  return out;
}

function inside(ink, { mask, box: { top, left, bottom, right } }) {
  const out = map(right - left, bottom - top);
  for (let y = top, at = 0; y < bottom; y++) {
    for (let x = left; x < right; x++, at++) {
      const from = y * ink.width + x;
      if (mask.data[from]) out.data[at] = ink.data[from];
    }
  }
  return out;
}

function foundOn(given) {
  for (const sides of [false, true]) {
    const paper = readPaper(given, { longest: LONGEST, sides });
    if (paper.contrast < LEAST_CONTRAST || paper.contrast <= GRAINS * paper.grain) continue;
    const found = findCharacter(paper.ink, paper.threshold);
    if (found && (!sides || isSharp(paper.ink))) return { paper, found };
  }
  throw new Error("shows nothing: no character is written on it");
}

// Whether more of it is full ink than halfway: light that fades at a border is no stroke.
function isSharp({ data }) {
  const counts = histogram(data);
  const between = (from, to) => counts.slice(from, to).reduce((one, other) => one + other, 0);
  return between(64, 192) < between(192, 256);
}
