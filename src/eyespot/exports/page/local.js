// The backend that works it out here, in a thread of its own: nothing leaves the device.

export async function connect() {
  const ask = startWorker();
  const model = await ask("model");
  return {
    model: () => model,
    predict: (blob, wanted = {}) => ask("predict", blob, wanted),
    examine: (blob) => ask("examine", blob),
    place: "Pictures stay on this device: the model runs in this page.",
  };
}

// What asks worker.js for a task, and promises its answer.
function startWorker() {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const open = new Map();
  let last = 0;
  worker.addEventListener("message", ({ data: { id, value, error } }) => {
    const { done, failed } = open.get(id);
    open.delete(id);
    if (error === undefined) done(value);
    else failed(new Error(error));
  });
  worker.addEventListener("error", () => {
    for (const { failed } of open.values()) failed(new Error("The model cannot be run by this browser; a newer one can."));
    open.clear();
  });
  return (task, ...given) => new Promise((done, failed) => {
    open.set(++last, { done, failed });
    worker.postMessage({ id: last, task, given });
  });
}
