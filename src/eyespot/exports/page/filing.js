// Files become records: all are answered; the first is shown, and at the end the last.

import { get, shown } from "./elements.js";
import { startIntake } from "./intake.js";

const AT_ONCE = 4;  // under way at a time

// onFiles(): some have come.
export function startFiling(session, { onFiles }) {
  const waiting = [];
  let busy = 0;

  startIntake((files) => {
    if (!files.length) return;
    onFiles();
    for (const file of files) {
      const record = { name: file.name || "pasted picture", blob: file, listed: true };
      session.update(record);  // in the order in which they came, whichever is answered first
      waiting.push(record);
    }
    while (busy < AT_ONCE && waiting.length) work();
  });

  async function work() {
    busy++;
    while (waiting.length) {
      const record = waiting.shift();
      await session.list(record);
      const looked = !waiting.length || !session.current;
      if (looked) {
        session.look(record);
        preview(record);
      }
      await session.ask(record, looked ? undefined : {});
    }
    busy--;
  }

  function preview({ name, blob }) {
    const image = get("preview");
    const address = URL.createObjectURL(blob);
    image.onload = () => URL.revokeObjectURL(address);
    image.onerror = () => (image.hidden = true);
    image.src = address;
    image.hidden = false;
    image.alt = shown(name);
    get("caption").textContent = shown(name);
  }

  function clear() {
    waiting.length = 0;
    get("preview").hidden = true;
    get("caption").textContent = "";
  }

  return { preview, clear };
}
