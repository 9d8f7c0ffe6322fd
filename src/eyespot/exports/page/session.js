// What the page has been given, and which of it the large answer is about.
//
// A record is {name, blob, said, error}, and at times {thumbnail, truth}. said: a backend's answer;
// live: of a camera that goes on; unfinished: of a drawing that grows; listed: it has a row in the
// table; full: nothing more can be asked about it.

import { showAnswer, showFailure, showIdle } from "./answer.js";
import { startRecords } from "./records.js";
import { thumbnail } from "./thumbnail.js";

export const EVERYTHING = { show: true, heat: true };
const COARSE = 48;  // pixels of a model's picture, up to which each of them is shown as a square

// onSelect(record): a person has chosen it in the table. onShow(record, or null).
export function startSession(backend, { onSelect, onShow }) {
  const coarse = backend.model().size <= COARSE;
  const records = startRecords({ select });
  let current = null;

  // Asks the backend, and shows the answer if its picture is still the one that is looked at.
  async function ask(record, wanted = EVERYTHING) {
    try {
      const said = await backend.predict(record.blob, wanted);
      Object.assign(record, { said, error: null, full: wanted.heat });
    } catch (error) {
      Object.assign(record, { said: null, error: error.message, full: true });
    }
    if (record.listed) records.update(record);
    if (record === current && !(record.error && record.unfinished)) show(record);
  }

  function show(record) {
    current = record;
    const { said, error, live } = record;
    if (error) showFailure(error, { live });
    else if (said) showAnswer(said, { coarse, live });
    records.mark(record);
    onShow(record);
  }

  function select(record) {
    show(record);
    onSelect(record);
    if (!record.full) ask(record);
  }

  // Gives it a row in the table, and a small picture there.
  async function list(record) {
    record.listed = true;
    records.update(record);
    record.thumbnail ??= await thumbnail(record.blob);
    records.update(record);
  }

  // The answer will be about this record as soon as it has one; about nothing for null.
  function look(record) {
    current = record;
    if (record) return;
    showIdle();
    onShow(null);
  }

  function forget() {
    records.clear();
    look(null);
  }

  return { ask, list, look, show, forget, update: records.update, get current() { return current; } };
}
