// "That was wrong: it is ...": a person names the class, and the server keeps the picture.

import { get, made, shown } from "./elements.js";

export function startCorrecting(backend) {
  const { collect, classes } = backend.model();
  if (collect) {
    const options = classes.map((name) => made("option", { value: name, textContent: shown(name) }));
    get("truth").replaceChildren(...options);
  }

  // record: what the answer is about, or null.
  function show(record) {
    get("wrong").hidden = !(collect && record?.said && !record.live);
    get("saved").textContent = "";
    if (collect && record?.said) get("truth").value = record.truth ?? record.said.label;
  }

  // Whoever corrects a record is told of it: save(record) changes its `truth`.
  async function save(record) {
    const truth = get("truth").value;
    try {
      const { count } = await backend.collect(record.blob, truth);
      record.truth = truth;
      const pictures = count === 1 ? "1 picture is" : `${count} pictures are`;
      get("saved").textContent = `Saved as ${shown(truth)}. ${pictures} kept for the next training.`;
    } catch (error) {
      get("saved").textContent = error.message;
    }
  }

  return { show, save };
}
