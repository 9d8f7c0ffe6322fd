// Which ink of a picture is the character that it shows, as images/finding.py finds it, to the bit;
// the words for each rule stand there.

import { grown, histogram, map, otsu } from "./maps.js";
import { contactsOf, partsOf, sumsOf } from "./parts.js";

const MOST_RAISES = 3;
const LEAST_PIXELS = 4;

// {mask, box: {top, left, bottom, right}, threshold} on an ink map, or null.
export function findCharacter(ink, threshold) {
  let best = null;
  let share = { of: 0n, all: 1n, none: true };
  let level = threshold;
  for (let raise = 0; raise <= MOST_RAISES; raise++) {
    const found = partsOf(grown(above(ink, level), 1));
    const ruled = ruledOf(found);
    const sums = sumsOf(found, ink, level);
    const { chosen, rest } = choose(found, sums.map((sum, part) => (ruled[part] ? 0 : sum)));
    if (chosen.includes(true)) {
      const next = { of: total(sums, chosen), all: total(sums, chosen.map((one, k) => one || rest[k] || ruled[k])) };
      if (share.none || next.of * share.all > share.of * next.all) {
        best = { found, chosen, level };
        share = next;
      }
    }
    if (!share.none && share.of * 2n >= share.all) break;
    const higher = otsu(histogram(ink.data.filter((value) => value > level)));
    if (higher <= level) break;
    level = higher;
  }
  return best && cutOut(ink, best);
}

export function above({ data, width, height }, threshold) {
  return map(width, height, data.map((value) => (value > threshold ? 1 : 0)));
}

// Sums of sums may exceed what floats hold exactly once they are multiplied.
function total(sums, chosen) {
  return BigInt(sums.reduce((sum, one, part) => sum + (chosen[part] ? one : 0), 0));
}

function cutOut(ink, { found, chosen, level }) {
  const mask = map(ink.width, ink.height);
  const box = { top: ink.height, left: ink.width, bottom: 0, right: 0 };
  for (const { row, start, stop, number } of found.runs) {
    if (!chosen[number]) continue;
    for (let x = start; x < stop; x++) {
      const at = row * ink.width + x;
      if (ink.data[at] <= level) continue;
      mask.data[at] = 1;
      box.top = Math.min(box.top, row);
      box.left = Math.min(box.left, x);
      box.bottom = Math.max(box.bottom, row + 1);
      box.right = Math.max(box.right, x + 1);
    }
  }
  return { mask, box, threshold: level };
}

const tallOf = ({ top, bottom }) => bottom - top;
const wideOf = ({ left, right }) => right - left;
const longestOf = (part) => Math.max(tallOf(part), wideOf(part));

// Whether each part is a line of the paper, or a net of them.
function ruledOf({ width, height, parts }) {
  return parts.map((part) => {
    const [tall, wide] = [tallOf(part), wideOf(part)];
    const [down, across] = [20 * tall >= 19 * height, 20 * wide >= 19 * width];
    const longest = Math.max(tall, wide);
    const line = Math.min(tall, wide) * 12 <= longest;
    const net = down && across && part.area * 4 <= tall * wide;
    return (down || across) && longest >= 24 && (line || net);
  });
}

// Whether each part is no writing, as far as that can be told from the border.
function edgesOf(found) {
  const contacts = contactsOf(found);
  return found.parts.map((part, number) => {
    const longest = longestOf(part);
    const blob = part.area * 4 > part.runs * longest;
    const flat = 5 * tallOf(part) <= wideOf(part);
    return contacts[number] > 0 && (2 * contacts[number] >= longest || blob || flat);
  });
}

// The main part with what belongs to it, and what else might be writing.
function choose(found, sums) {
  const { parts } = found;
  const chosen = parts.map(() => false);
  let good = parts.map(({ area }, k) => sums[k] > 0 && area >= LEAST_PIXELS);
  if (!good.includes(true)) return { chosen, rest: chosen };
  const edges = edgesOf(found);
  let inner = good.map((one, k) => one && !edges[k]);
  const largest = Math.max(0, ...parts.filter((_, k) => good[k] && edges[k]).map(longestOf));
  if (largest) {
    inner = inner.map((one, k) => one && longestOf(parts[k]) * 16 >= largest && longestOf(parts[k]) >= 6);
  }
  const anyInner = inner.includes(true);
  if (anyInner) good = good.map((one, k) => one && !edges[k]);
  const eligible = sums.map((sum, k) => (good[k] && (inner[k] || !anyInner) ? sum : 0));
  const main = eligible.indexOf(Math.max(...eligible));
  chosen[main] = true;
  const strength = parts.map(({ area }, k) => Math.floor(sums[k] / Math.max(area, 1)));
  const near = good.map((one, k) => one && sums[k] * 33 >= sums[main] && 2 * strength[k] >= strength[main]);
  const box = { ...parts[main] };
  while (true) {
    const reach = Math.floor(2 * longestOf(box) / 5);
    const more = parts.map((part, k) => near[k] && !chosen[k] && gap(box, part) <= reach);
    if (!more.includes(true)) return { chosen, rest: good.map((one, k) => one && !chosen[k]) };
    more.forEach((joins, k) => {
      if (!joins) return;
      chosen[k] = true;
      box.top = Math.min(box.top, parts[k].top);
      box.left = Math.min(box.left, parts[k].left);
      box.bottom = Math.max(box.bottom, parts[k].bottom);
      box.right = Math.max(box.right, parts[k].right);
    });
  }
}

function gap(box, part) {
  return Math.max(part.top - box.bottom, box.top - part.bottom, part.left - box.right, box.left - part.right, 0);
}
