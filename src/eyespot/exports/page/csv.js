// Records as a CSV table. A cell that a spreadsheet would run as a formula gets a quote, as in
// eyespot's own tables (files/tables.py).

const LIVE = /^[=+\-@\t\r\n＝＋－＠']/;

export function csv(records) {
  const rows = records.map(({ name, said, error, truth }) => [
    name, said?.label ?? "", said ? said.probability : "", said ? said.unknown : "", truth ?? "", error ?? "",
  ]);
  const header = ["name", "label", "probability", "unknown", "corrected", "error"];
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function cell(value) {
  if (typeof value !== "string") return String(value);
  const quiet = LIVE.test(value) ? `'${value}` : value;
  return /[,"\r\n]/.test(quiet) ? `"${quiet.replaceAll('"', '""')}"` : quiet;
}
