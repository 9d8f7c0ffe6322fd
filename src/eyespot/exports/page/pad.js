// The drawing pad: finger, mouse, pen or keyboard. onChange() after every change.

import { get } from "./elements.js";

const WIDTH = 0.062;  // of a stroke, as a share of the pad's side: a felt-tip on a note
const STEP = 1 / 28;
const SENT = 280;  // the side of the picture that is asked about: enough, and quick

export function startPad(onChange) {
  const canvas = get("pad");
  const side = canvas.width;
  const strokes = [];
  let pen = null;  // the pointer that draws; a second finger does not
  let cursor = null;  // where the keyboard's pen is: {x, y, down}

  function place({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width * side, (clientY - box.top) / box.height * side];
  }

  function draw() {
    paint(canvas.getContext("2d"), strokes, side);
    if (cursor && document.activeElement === canvas) showCursor(canvas.getContext("2d"), cursor);
  }

  function changed() {
    refresh();
    onChange();
  }

  function refresh() {
    draw();
    get("undo").disabled = get("clear").disabled = strokes.length === 0;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pen !== null || event.button !== 0) return;
    pen = event.pointerId;
    cursor = null;
    canvas.setPointerCapture(pen);
    strokes.push([place(event)]);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pen) return;
    const between = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(between.length ? between : [event]).map(place));
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId === pen) pen = null;
    });
  }

  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    cursor ??= { x: side / 2, y: side / 2, down: false };
    if (!step) {
      cursor.down = !cursor.down;
      if (cursor.down) strokes.push([[cursor.x, cursor.y]]);
    } else {
      cursor.x = Math.min(Math.max(cursor.x + step[0] * side * STEP, 0), side);
      cursor.y = Math.min(Math.max(cursor.y + step[1] * side * STEP, 0), side);
      if (cursor.down) strokes.at(-1).push([cursor.x, cursor.y]);
    }
    if (cursor.down) changed();
    else draw();
  });
  for (const event of ["focus", "blur"]) canvas.addEventListener(event, draw);

  get("clear").addEventListener("click", clear);
  get("undo").addEventListener("click", () => {
    strokes.pop();
    if (cursor) cursor.down = false;
    changed();
  });

  function clear() {
    strokes.length = 0;
    if (cursor) cursor.down = false;
    changed();
  }

  refresh();
  // How far the drawing goes, down or to the right, as a share of the pad.
  function extent() {
    const { left, right, top, bottom } = boxOf(strokes);
    return Math.max(right - left, bottom - top) / side;
  }

  return { clear, extent, get empty() { return strokes.length === 0; }, picture: (style) => picture(strokes, side, style) };
}

// The drawing as a PNG. style: null for black on white, as it is; or, for a model that was trained
// on characters that fill their picture and that does not look for them on a page, {dark}: the
// drawing fills it, too, and dark pictures are white on black.
function picture(strokes, side, style) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SENT;
  const context = canvas.getContext("2d");
  context.scale(SENT / side, SENT / side);
  paint(context, style ? filling(strokes, side) : strokes, side, style?.dark);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function paint(context, strokes, side, dark = false) {
  context.fillStyle = dark ? "#000000" : "#ffffff";
  context.fillRect(0, 0, side, side);
  context.strokeStyle = dark ? "#ffffff" : "#000000";
  context.lineWidth = WIDTH * side;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) {
    context.beginPath();
    context.moveTo(...points[0]);
    context.lineTo(...points[0]);  // a dot, if there is no more
    for (let k = 1; k < points.length - 1; k++) {
      const [x, y] = points[k];
      const [toX, toY] = points[k + 1];
      context.quadraticCurveTo(x, y, (x + toX) / 2, (y + toY) / 2);
    }
    context.lineTo(...points.at(-1));
    context.stroke();
  }
}

// The strokes, scaled so that the longer side of what is drawn takes 20 of 28 parts, centred.
function filling(strokes, side) {
  const { left, right, top, bottom } = boxOf(strokes);
  const scale = side * (20 / 28 - WIDTH) / Math.max(right - left, bottom - top, side / 4);
  const move = (value, low, high) => (value - (low + high) / 2) * scale + side / 2;
  return strokes.map((points) => points.map(([x, y]) => [move(x, left, right), move(y, top, bottom)]));
}

function boxOf(strokes) {
  const xs = strokes.flat().map(([x]) => x);
  const ys = strokes.flat().map(([, y]) => y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function showCursor(context, { x, y, down }) {
  context.strokeStyle = "#1f5fbf";
  context.lineWidth = down ? 6 : 2;
  context.beginPath();
  context.arc(x, y, 16, 0, 2 * Math.PI);
  context.stroke();
}
