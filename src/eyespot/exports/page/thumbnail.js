// A small copy of a picture for the table, so that a thousand photos do not fill the memory.

const SIDE = 96;

// An address for an <img>, or null for a picture that this browser cannot show.
export async function thumbnail(blob) {
  try {
    const image = await createImageBitmap(blob);
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    const small = await new Promise((done) => canvas.toBlob(done));
    return small && URL.createObjectURL(small);
  } catch {
    return null;
  }
}
