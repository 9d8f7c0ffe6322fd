// The connected parts of a mask, by runs of its rows, as images/components.py finds them: parts that
// touch at a corner are one, and they are numbered by their first pixel, row by row.

// {width, height, runs: [{row, start, stop, number}], parts: [{top, left, bottom, right, area, runs}]}
export function partsOf(mask) {
  const runs = runsOf(mask);
  const roots = Int32Array.from(runs, (_, place) => place);
  const rootOf = (place) => {
    while (roots[place] !== place) place = roots[place] = roots[roots[place]];
    return place;
  };
  let [upper, lower] = [0, 0];  // runs of one row, and of the next
  while (upper < runs.length) {
    const one = runs[upper];
    while (lower < runs.length && (runs[lower].row <= one.row
      || (runs[lower].row === one.row + 1 && runs[lower].stop < one.start))) lower++;
    for (let next = lower; next < runs.length; next++) {
      const other = runs[next];
      if (other.row !== one.row + 1 || other.start > one.stop) break;
      const [first, second] = [rootOf(upper), rootOf(next)];
      roots[Math.max(first, second)] = Math.min(first, second);
    }
    upper++;
  }
  return { width: mask.width, height: mask.height, runs, parts: numbered(runs, rootOf) };
}

function runsOf({ data, width, height }) {
  const runs = [];
  for (let row = 0; row < height; row++) {
    const line = row * width;
    for (let x = 0; x < width; x++) {
      if (!data[line + x]) continue;
      const start = x;
      while (x < width && data[line + x]) x++;
      runs.push({ row, start, stop: x, number: 0 });
    }
  }
  return runs;
}

function numbered(runs, rootOf) {
  const parts = [];
  runs.forEach((run, place) => {
    const root = rootOf(place);
    if (root === place) {
      run.number = parts.length;
      parts.push({ top: run.row, left: run.start, bottom: run.row + 1, right: run.stop, area: 0, runs: 0 });
    } else {
      run.number = runs[root].number;
    }
    const part = parts[run.number];
    part.left = Math.min(part.left, run.start);
    part.bottom = Math.max(part.bottom, run.row + 1);
    part.right = Math.max(part.right, run.stop);
    part.area += run.stop - run.start;
    part.runs++;
  });
  return parts;
}

// The sum over each part of a map's values above a threshold.
export function sumsOf({ runs, parts, width }, { data }, threshold) {
  const sums = new Float64Array(parts.length);
  for (const { row, start, stop, number } of runs) {
    for (let at = row * width + start; at < row * width + stop; at++) {
      if (data[at] > threshold) sums[number] += data[at];
    }
  }
  return sums;
}

// How many pixels of each part lie on the outermost rows and columns; a corner counts twice.
export function contactsOf({ runs, parts, width, height }) {
  const contacts = new Float64Array(parts.length);
  for (const { row, start, stop, number } of runs) {
    if (row === 0) contacts[number] += stop - start;
    if (row === height - 1) contacts[number] += stop - start;
    if (start === 0) contacts[number]++;
    if (stop === width) contacts[number]++;
  }
  return contacts;
}
