// What the page says about the model before it has said anything about a picture.

import { get, shown } from "./elements.js";

const MOST = 24;  // class names that fit into a sentence

// model.accuracy: a share of its test images, or null.
export function introduce(model, place) {
  const name = shown(model.name);
  document.title = `${name} - eyespot`;
  get("name").textContent = name;
  const { classes, size, channels } = model;
  get("facts").textContent = `${classes.length} classes, ${size} × ${size} ${channels === 1 ? "grey" : "colour"}`;
  const some = classes.slice(0, MOST).map(shown).join(", ");
  const more = classes.length > MOST ? ` and ${classes.length - MOST} more` : "";
  get("knows").textContent = `It knows ${some}${more}. ${model.kind === "ink" ? "Draw one of them, or give it a picture." : "Give it a picture."}`;
  get("record").textContent = [trackRecord(model.accuracy), caution(model)].filter(Boolean).join(" ");
  get("privacy").textContent = place;
}

function trackRecord(accuracy) {
  if (accuracy === null) return "How often this model is right has not been tested.";
  return `On its test images this model was right in ${(100 * accuracy).toFixed(2)} %. Yours may be harder.`;
}

function caution({ refuses }) {
  return refuses
    ? "It says “unknown” of pictures unlike those that it was trained on, but not of all of them."
    : "It always gives one of its classes, whatever the picture shows.";
}
