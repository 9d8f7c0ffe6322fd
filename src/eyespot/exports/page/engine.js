// A model in the browser: prepares a picture as models/predict.py does and asks model.onnx, by
// onnxruntime in WebAssembly, in one thread, which needs no special headers from whoever serves it.

import { bridged } from "./ink.js";
import { address, decoded, framed } from "./pixels.js";

const TOP = 5;

// The folder of the model, from wherever this runs.
const FOLDER = new URL("../", import.meta.url);

export async function load() {
  const [model, session, Tensor] = await Promise.all([facts(), ...opened()]);

  // {probs: Float32Array (K), refusal: number or null}, the picture as it was given and as the model
  // saw it, and the box of what was found in it, or null.
  async function look(blob) {
    const given = await decoded(blob);
    const { picture, box } = bridged(given, model.preparation);
    const { size, channels } = model.preparation;
    const images = new Tensor("uint8", picture.data, [1, size, size, channels]);
    const { logits, refusal } = await session.run({ images });
    return { probs: tempered(logits.data, model.temperature), refusal: refusal?.data[0] ?? null, given, picture, box };
  }

  return {
    model,
    examine: async (blob) => {
      const { probs, refusal } = await look(blob);
      return { probs, refusal };
    },
    async predict(blob, wanted = {}) {
      let found;
      try {
        found = await look(blob);
      } catch (error) {
        throw new Error(`The picture ${error.message}.`);
      }
      const ranked = rank(found.probs, model.classes);
      return {
        ...ranked[0],
        unknown: found.refusal !== null && found.refusal > 1,
        refusal: found.refusal,
        ranked: ranked.slice(0, TOP),
        ...(wanted.show ? { saw: await address(found.picture) } : {}),
        ...(wanted.show && found.box ? { found: await framed(found.given, found.box) } : {}),
      };
    },
  };
}

async function fetched(path) {
  let response;
  try {
    response = await fetch(new URL(path, FOLDER));
  } catch {
    throw new Error(`${path} cannot be loaded. Is the connection there? Then reload the page.`);
  }
  if (!response.ok) throw new Error(`${path} is missing beside this page (status ${response.status}).`);
  return response;
}

async function facts() {
  return (await fetched("model.json")).json();
}

// The session and the class of its tensors, both still to come.
function opened() {
  const runtime = (async () => {
    const ort = await import("../runtime/ort.js");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { mjs: new URL("runtime/ort-wasm.js", FOLDER).href };
    ort.env.wasm.wasmBinary = await (await fetched("runtime/ort-wasm.wasm")).arrayBuffer();
    ort.env.logLevel = "error";
    return ort;
  })();
  const session = (async () => {
    const bytes = await (await fetched("model.onnx")).arrayBuffer();
    return (await runtime).InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  })();
  return [session, runtime.then(({ Tensor }) => Tensor)];
}

// Softmax of the logits over the temperature, in float64 and then rounded to float32 as in Python.
function tempered(logits, temperature) {
  const scaled = Float64Array.from(logits, (one) => one / temperature);
  const most = scaled.reduce((one, other) => Math.max(one, other));
  const powers = scaled.map((one) => Math.exp(one - most));
  const sum = powers.reduce((one, other) => one + other);
  return Float32Array.from(powers, (one) => one / sum);
}

function rank(probs, classes) {
  const all = classes.map((label, place) => ({ label, probability: probs[place] }));
  return all.sort((one, other) => other.probability - one.probability);  // it is a stable sort
}
