// The page: pictures from the pad, from files and from the camera go to the backend one by one; its
// answers go to the large answer and to the table.

import { connect } from "./backend.js";
import { startCorrecting } from "./correcting.js";
import { startDrawing } from "./drawing.js";
import { get } from "./elements.js";
import { startFiling } from "./filing.js";
import { startFilming } from "./filming.js";
import { introduce } from "./introduction.js";
import { startSession } from "./session.js";
import { startTabs } from "./tabs.js";

try {
  start(await connect());
  document.body.dataset.ready = "yes";
} catch (error) {
  get("knows").textContent = "";
  tell(error.message);
}

function start(backend) {
  const model = backend.model();
  introduce(model, backend.place);
  const correcting = startCorrecting(backend);
  const session = startSession(backend, {
    onShow: correcting.show,
    onSelect: (record) => drawing.holds(record) || filing.preview(record),
  });
  const drawing = startDrawing(session, model);
  const filing = startFiling(session, { onFiles: () => openTab("files") });
  const filming = startFilming(session, { onTrouble: tell });
  const openTab = startTabs((id) => {
    if (id !== "camera") filming.stop();
    tell(null);
  });
  get("wrong").addEventListener("submit", async (event) => {
    event.preventDefault();
    const record = session.current;
    await correcting.save(record);
    if (record.listed) session.update(record);
  });
  get("forget").addEventListener("click", () => {
    drawing.clear();
    filing.clear();
    session.forget();
  });
  if (model.kind !== "ink") return;
  get("tab-draw").hidden = false;
  openTab("draw");
}

function tell(sentence) {
  get("trouble").hidden = !sentence;
  get("trouble").textContent = sentence ?? "";
}
