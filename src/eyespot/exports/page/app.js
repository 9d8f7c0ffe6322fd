// The page: pictures from the pad, from files and from the camera go to the backend one by one; its
// answers go to the large answer and to the table.

import { showAnswer, showFailure, showIdle } from "./answer.js";
import { connect } from "./backend.js";
import { frame, startCamera } from "./camera.js";
import { get, made, shown } from "./elements.js";
import { startIntake } from "./intake.js";
import { introduce } from "./introduction.js";
import { latest } from "./latest.js";
import { startPad } from "./pad.js";
import { startRecords } from "./records.js";
import { startTabs } from "./tabs.js";
import { thumbnail } from "./thumbnail.js";

const AT_ONCE = 4;  // files under way at a time
const LEAST_DRAWN = 0.15;  // of the pad's side, from which on a drawing is answered as it grows

function tell(sentence) {
  get("trouble").hidden = !sentence;
  get("trouble").textContent = sentence ?? "";
}

try {
  await start(await connect());
} catch (error) {
  get("knows").textContent = "";
  tell(error.message);
}

async function start(backend) {
  const model = backend.model();
  const coarse = model.size <= 48;
  let current = null;  // the record that the answer is about
  let drawing = null;  // the record of what is on the pad
  let numDrawn = 0;
  let lastFrame = null;

  const records = startRecords({ select });
  introduce(model, backend.place);

  // Asks the backend, and shows the answer if it is still the one that is looked at.
  async function ask(record, wanted) {
    const { blob } = record;
    try {
      const said = await backend.predict(blob, wanted);
      Object.assign(record, { said, error: null, full: wanted.heat });
    } catch (error) {
      Object.assign(record, { said: null, error: error.message, full: true });
    }
    if (record.listed) records.update(record);
    if (record === current && !(record.error && record.unfinished)) show(record);
  }

  function show(record) {
    current = record;
    if (record.error) showFailure(record.error, { live: record.live });
    else if (record.said) showAnswer(record.said, { coarse, live: record.live });
    get("wrong").hidden = !(model.collect && record.said && !record.live);
    get("saved").textContent = "";
    if (record.said) get("truth").value = record.truth ?? record.said.label;
    records.mark(record);
  }

  async function list(record) {
    record.listed = true;
    records.update(record);
    record.thumbnail ??= await thumbnail(record.blob);
    records.update(record);
  }

  function select(record) {
    show(record);
    if (record !== drawing) preview(record);
    if (!record.full) ask(record, { show: true, heat: true });
  }

  // Files: all are answered; the first is shown, and at the end the last.
  const waiting = [];
  let busy = 0;
  async function takeFiles(files) {
    if (!files.length) return;
    openTab("files");
    tell(null);
    for (const file of files) {
      const record = { name: file.name || "pasted picture", blob: file, said: null, error: null, listed: true };
      records.update(record);  // in the order in which they came, whichever is answered first
      waiting.push(record);
    }
    while (busy < AT_ONCE && waiting.length) work();
  }
  async function work() {
    busy++;
    while (waiting.length) {
      const record = waiting.shift();
      await list(record);
      if (!waiting.length || !current) {
        current = record;
        preview(record);
        await ask(record, { show: true, heat: true });
      } else {
        await ask(record, {});
      }
    }
    busy--;
  }

  function preview(record) {
    const image = get("preview");
    const address = URL.createObjectURL(record.blob);
    image.onload = () => URL.revokeObjectURL(address);
    image.onerror = () => (image.hidden = true);
    image.src = address;
    image.hidden = false;
    image.alt = shown(record.name);
    get("caption").textContent = shown(record.name);
  }

  // The pad: one drawing is one record, until the pad is cleared.
  const style = model.bridge ? null : { dark: model.paper !== "light" };
  const askDrawing = latest(async () => {
    if (pad.empty) return;
    const record = drawing;
    record.unfinished = true;
    record.blob = await pad.picture(style);
    await ask(record, { show: true });
    if (record !== drawing) return;
    if (!record.listed) await list(record);
  });
  // The thumbnail and the map of where it looked wait until the hand rests.
  let rest = 0;
  const pad = startPad(() => {
    clearTimeout(rest);
    if (pad.empty) {
      if (current === drawing) showIdle();
      current = drawing = null;
      return;
    }
    drawing ??= { name: `drawing ${++numDrawn}`, said: null, error: null, drawn: true };
    current = drawing;
    if (pad.extent() > LEAST_DRAWN) askDrawing();  // a dot is no character yet
    rest = setTimeout(finish, 500, drawing);
  });
  async function finish(record) {
    record.unfinished = false;
    record.blob ??= await pad.picture(style);
    record.thumbnail = await thumbnail(record.blob);
    await ask(record, { show: true, heat: true });
    if (!record.listed) await list(record);
  }

  // The camera: a frame is a record only if it is kept.
  const camera = startCamera({
    onTrouble: tell,
    onFrame: async (video) => {
      const record = { name: "camera", blob: await frame(video), live: true };
      current = record;
      await ask(record, { show: true });
      if (record.said) lastFrame = record;
    },
  });
  let numKept = 0;
  get("keep").addEventListener("click", async () => {
    if (!lastFrame) return;
    const record = { ...lastFrame, name: `camera ${++numKept}`, live: false };
    camera.hold(URL.createObjectURL(record.blob));
    await list(record);
    show(record);
  });

  // That was wrong.
  get("wrong").addEventListener("submit", async (event) => {
    event.preventDefault();
    const record = current;
    const truth = get("truth").value;
    try {
      const { count } = await backend.collect(record.blob, truth);
      record.truth = truth;
      if (record.listed) records.update(record);
      records.mark(current);
      const pictures = count === 1 ? "1 picture is" : `${count} pictures are`;
      get("saved").textContent = `Saved as ${shown(truth)}. ${pictures} kept for the next training.`;
    } catch (error) {
      get("saved").textContent = error.message;
    }
  });

  get("forget").addEventListener("click", () => {
    records.clear();
    pad.clear();
    current = null;
    get("preview").hidden = true;
    get("caption").textContent = "";
    get("wrong").hidden = true;
    showIdle();
  });

  const openTab = startTabs((id) => {
    if (id !== "camera") camera.stop();
    tell(null);
  });
  startIntake(takeFiles);
  get("truth").replaceChildren(
    ...model.classes.map((name) => made("option", { value: name, textContent: shown(name) })));
  if (model.kind === "ink") {
    get("tab-draw").hidden = false;
    openTab("draw");
  }
  document.body.dataset.ready = "yes";
}
