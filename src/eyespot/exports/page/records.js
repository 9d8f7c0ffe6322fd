// The pictures so far: a table of them, and the same as CSV.

import { csv } from "./csv.js";
import { get, made, percent, shown } from "./elements.js";

// Records are as in session.js.

export function startRecords({ select }) {
  const rows = new Map();
  let marked = null;

  function update(record) {
    const row = filled(record, select);
    if (rows.has(record)) rows.get(record).replaceWith(row);
    else get("rows").prepend(row);
    rows.set(record, row);
    if (record === marked) row.setAttribute("aria-current", "true");
    get("list").hidden = false;
    const answered = [...rows.keys()].filter(({ said, error }) => said || error).length;
    get("count").textContent = answered < rows.size ? `${answered} of ${rows.size} answered` : String(rows.size);
  }

  function mark(record) {
    rows.get(marked)?.removeAttribute("aria-current");
    rows.get(record)?.setAttribute("aria-current", "true");
    marked = record;
  }

  function clear() {
    for (const { thumbnail } of rows.keys()) if (thumbnail) URL.revokeObjectURL(thumbnail);
    rows.clear();
    get("rows").replaceChildren();
    get("list").hidden = true;
  }

  get("download").addEventListener("click", () => save(csv([...rows.keys()])));
  return { update, mark, clear };
}

function filled(record, select) {
  const name = made("button", { textContent: shown(record.name), type: "button" });
  const row = made("tr", {},
    made("td", { className: "thumb" }, record.thumbnail
      ? made("img", { src: record.thumbnail, alt: "" })
      : made("span", { className: "blank" })),
    made("td", { className: "name" }, name),
    answered(record),
    made("td", { className: "right", textContent: record.said ? percent(record.said.probability) : "" }));
  name.addEventListener("click", () => select(record));
  return row;
}

function answered({ said, error, truth }) {
  const off = Boolean(error || said?.unknown);
  const cell = made("td", { className: `says${off ? " off" : ""}` });
  if (error) cell.append(shown(error));
  else if (!said) cell.append("…");
  else if (said.unknown) cell.append("unknown", made("small", { textContent: `nearest: ${shown(said.label)}` }));
  else cell.append(shown(said.label));
  if (truth !== undefined) cell.append(made("small", { textContent: `you said: ${shown(truth)}` }));
  return cell;
}

function save(text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  made("a", { href: address, download: "eyespot.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
