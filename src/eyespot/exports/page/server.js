// The backend that asks the server this page comes from. A token that the server wants lies behind
// the # of the page's address, which browsers send to nobody.

const SILENT = "The server does not answer. Is it still running? Then try again.";

export async function connect() {
  const model = await asked("model");
  return {
    model: () => model,
    predict: (blob, wanted = {}) => asked(`predict${query(wanted)}`, blob),
    collect: (blob, label) => asked(`collect?label=${encodeURIComponent(label)}`, blob),
    place: model.collect
      ? "Pictures go to the server that this page comes from. It keeps those that you correct, and no others."
      : "Pictures go to the server that this page comes from. It keeps none of them.",
  };
}

function query(wanted) {
  const flags = ["show", "heat"].filter((name) => wanted[name]).map((name) => `${name}=1`);
  return flags.length ? `?${flags.join("&")}` : "";
}

async function asked(path, body) {
  const response = await reached(path, body ? { method: "POST", body } : {});
  let said;
  try {
    said = await response.json();
  } catch {
    throw new Error(`The server's answer cannot be read (status ${response.status}). Try again.`);
  }
  if (!response.ok) throw new Error(said.error ?? `The server refused (status ${response.status}).`);
  return said;
}

// A server that is busy says so by 503, and for how many seconds.
async function reached(path, { headers = {}, ...options }) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  options.headers = token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
  for (let attempt = 0; ; attempt++) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error(SILENT);
    }
    if (response.status !== 503 || attempt === 5) return response;
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((done) => setTimeout(done, 1000 * Math.min(seconds, 5)));
  }
}
