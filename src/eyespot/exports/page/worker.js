// The engine, in a thread of its own, so that the pen does not stop while a picture is looked at.
// Gets {id, task, given}, and answers with {id, value} or {id, error}, one after the other.

import { load } from "./engine.js";

const loading = load();
let turn = Promise.resolve();

addEventListener("message", ({ data }) => {
  turn = turn.then(() => work(data));
});

async function work({ id, task, given }) {
  try {
    const engine = await loading;
    postMessage({ id, value: task === "model" ? engine.model : await engine[task](...given) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
}
