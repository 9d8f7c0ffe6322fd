// A picture file to defined pixels, as images/decode.py and pixels.py do it: alpha over white, or over
// black where nothing would be seen on white, EXIF orientation applied, colour profiles not. The
// browser decodes; pictures are as in resample.js.

const MAX_PIXELS = 50_000_000;

const UNREADABLE = "is not a picture that this browser can read; save it as PNG or JPEG";

export async function decoded(blob) {
  if (blob.size === 0) throw new Error("is empty (0 bytes)");
  let image;
  try {
    image = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error(UNREADABLE);
  }
  const { width, height } = image;
  if (width * height > MAX_PIXELS) {
    image.close();
    throw new Error(`is too large (${width} x ${height} pixels)`);
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const onBlack = isNearlyWhite(context.getImageData(0, 0, width, height).data);
  context.fillStyle = onBlack ? "#000000" : "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  image.close();
  return { data: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height, channels: 3 };
}

// Whether what is to be seen would not be on white.
function isNearlyWhite(rgba) {
  let [seen, dark] = [0, 0];
  for (let at = 0; at < rgba.length; at += 4) {
    const grey = (19595 * rgba[at] + 38470 * rgba[at + 1] + 7471 * rgba[at + 2] + 32768) >> 16;
    seen += rgba[at + 3];
    dark += rgba[at + 3] * (255 - grey);
  }
  return dark < 40 * seen;
}

function withoutAlpha(rgba) {
  const rgb = new Uint8Array(rgba.length / 4 * 3);
  for (let at = 0, from = 0; at < rgb.length; from += 4) {
    rgb[at++] = rgba[from];
    rgb[at++] = rgba[from + 1];
    rgb[at++] = rgba[from + 2];
  }
  return rgb;
}

// The address of a PNG of a picture.
export function address(picture) {
  return addressOf(canvasOf(picture));
}

// The same, at most `most` pixels wide and high, with a frame around a box of it.
export function framed(picture, { top, left, bottom, right }, most = 480) {
  const scale = Math.min(1, most / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)));
  const context = canvas.getContext("2d");
  context.drawImage(canvasOf(picture), 0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#d9480f";
  context.lineWidth = Math.max(2, Math.max(canvas.width, canvas.height) / 100);
  context.strokeRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
  return addressOf(canvas);
}

function canvasOf({ data, width, height, channels }) {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < width * height; at++) {
    for (let c = 0; c < 3; c++) rgba[4 * at + c] = data[at * channels + (channels === 3 ? c : 0)];
    rgba[4 * at + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

async function addressOf(canvas) {
  const blob = await canvas.convertToBlob();
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
}
