// Drawings become records: one drawing is one, until the pad is cleared.

import { latest } from "./latest.js";
import { startPad } from "./pad.js";
import { thumbnail } from "./thumbnail.js";

const LEAST_DRAWN = 0.15;  // of the pad's side, from which on a drawing is answered as it grows
const REST = 500;  // milliseconds after which a hand is taken to rest

export function startDrawing(session, { bridge, paper }) {
  const style = bridge ? null : { dark: paper !== "light" };
  let drawing = null;
  let num = 0;
  let rest = 0;

  const pad = startPad(() => {
    clearTimeout(rest);
    if (pad.empty) {
      if (session.current === drawing) session.look(null);
      drawing = null;
      return;
    }
    drawing ??= { name: `drawing ${++num}` };
    session.look(drawing);
    if (pad.extent() > LEAST_DRAWN) grow();  // a dot is no character yet
    rest = setTimeout(finish, REST, drawing);
  });

  const grow = latest(async () => {
    if (pad.empty) return;
    const record = drawing;
    record.unfinished = true;
    record.blob = await pad.picture(style);
    await session.ask(record, { show: true });
    if (record === drawing && !record.listed) await session.list(record);
  });

  // The map of where the model looked, and the table's small picture, wait until the hand rests.
  async function finish(record) {
    record.unfinished = false;
    record.blob ??= await pad.picture(style);
    record.thumbnail = await thumbnail(record.blob);
    await session.ask(record);
    if (!record.listed) await session.list(record);
  }

  return { clear: pad.clear, holds: (record) => record === drawing };
}
