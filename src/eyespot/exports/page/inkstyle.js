// Whether a prepared picture looks like those of the set, as images/inkstyle.py measures it, to the
// bit; lengths are in 64ths of a pixel.

export const UNIT = 64;

export function resembles(picture, style) {
  const found = measured(greyOf(picture), picture.width, style);
  const by = style.by_mass ? "mass" : "box";
  const pairs = [
    [found.side, style.side],
    [found.stroke, style.stroke],
    [found.peak, style.peak],
    [found.clear, style.clear],
    [found[`${by}Down`], style.down],
    [found[`${by}Right`], style.right],
  ];
  return pairs.every(([value, usual]) => usual.least <= value && value <= usual.most);
}

// Whether what a picture shows, away from the middle, ends straight on that side.
export function cutOff(picture, { ground, full, bright, down, right }) {
  const side = picture.width;
  const ink = Int32Array.from(greyOf(picture), (level) => Math.max(bright ? level - ground : ground - level, 0));
  const line = (k, along) => Array.from({ length: side }, (_, at) => ink[along ? at * side + k : k * side + at]);
  const total = (values) => values.reduce((one, other) => one + other, 0);
  const mass = Math.max(total(ink), 1);
  return [[false, down.middle], [true, right.middle]].some(([along, middle]) => {
    const lines = Array.from({ length: side }, (_, k) => line(k, along));
    const weighed = total(lines.map((one, k) => total(one) * (2 * k + 1 - side)));
    const away = Math.floor(UNIT / 2 * weighed / mass) - middle;
    if (Math.abs(away) <= UNIT) return false;
    if (away < 0) lines.reverse();
    const first = Math.max(lines.findIndex((one) => total(one) > 0), 0);
    if (6 * Math.abs(2 * first + 1 - side) > 2 * side || first + 1 === side) return false;
    const [own, behind, peak] = [total(lines[first]), total(lines[first + 1]), Math.max(...lines[first])];
    return own >= full && 16 * peak >= 15 * full && 10 * own >= 7 * behind;
  });
}

// The mean of the channels, rounded down.
function greyOf({ data, width, height, channels }) {
  if (channels === 1) return data;
  return Uint8Array.from({ length: width * height }, (_, at) =>
    Math.floor((data[3 * at] + data[3 * at + 1] + data[3 * at + 2]) / 3));
}

function measured(grey, side, { ground, full, bright }) {
  const ink = Int32Array.from(grey, (level) => Math.max(bright ? level - ground : ground - level, 0));
  const { rows, columns, written } = extent(ink, side, full);
  let [mass, squares, peak, down, right] = [0, 0, 0, 0, 0];
  ink.forEach((value, at) => {
    mass += value;
    squares += value * value;
    peak = Math.max(peak, value);
    down += value * (2 * Math.floor(at / side) + 1 - side);
    right += value * (2 * (at % side) + 1 - side);
  });
  mass = Math.max(mass, 1);
  return {
    side: written ? UNIT * Math.max(rows.end - rows.start, columns.end - columns.start) : 0,
    stroke: Math.floor(2 * UNIT * squares / Math.max(full * stepsOf(ink, side), 1)),
    peak,
    clear: clearOf(grey, side, ground),
    boxDown: UNIT / 2 * (rows.start + rows.end - side),
    boxRight: UNIT / 2 * (columns.start + columns.end - side),
    massDown: Math.floor(UNIT / 2 * down / mass),
    massRight: Math.floor(UNIT / 2 * right / mass),
  };
}

// Where the ink above a third of the full level begins and ends; all of it where there is none.
function extent(ink, side, full) {
  const [rows, columns] = [new Uint8Array(side), new Uint8Array(side)];
  ink.forEach((value, at) => {
    if (3 * value <= full) return;
    rows[Math.floor(at / side)] = columns[at % side] = 1;
  });
  const ends = (line) => ({ start: Math.max(line.indexOf(1), 0), end: line.lastIndexOf(1) + 1 || side });
  return { rows: ends(rows), columns: ends(columns), written: rows.includes(1) };
}

// By how much neighbours differ, in sum.
export function stepsOf(ink, side) {
  let sum = 0;
  ink.forEach((value, at) => {
    if (at % side + 1 < side) sum += Math.abs(value - ink[at + 1]);
    if (at + side < ink.length) sum += Math.abs(value - ink[at + side]);
  });
  return sum;
}

// The median of how far the border's pixels are from the ground.
function clearOf(grey, side, ground) {
  const away = [];
  grey.forEach((level, at) => {
    const [x, y] = [at % side, Math.floor(at / side)];
    if (x === 0 || y === 0 || x === side - 1 || y === side - 1) away.push(Math.abs(level - ground));
  });
  away.sort((one, other) => one - other);
  return away[away.length >> 1];
}
