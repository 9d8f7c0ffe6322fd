// Frames of the camera become records that the next one replaces; one that is kept has a row.

import { frame, startCamera } from "./camera.js";
import { get } from "./elements.js";

export function startFilming(session, { onTrouble }) {
  let last = null;
  let num = 0;

  const camera = startCamera({
    onTrouble,
    onFrame: async (video) => {
      const record = { name: "camera", blob: await frame(video), live: true };
      session.look(record);
      await session.ask(record, { show: true });
      if (record.said) last = record;
    },
  });

  get("keep").addEventListener("click", async () => {
    if (!last) return;
    const record = { ...last, name: `camera ${++num}`, live: false };
    camera.hold(URL.createObjectURL(record.blob));
    await session.list(record);
    session.show(record);
  });

  return { stop: camera.stop };
}
