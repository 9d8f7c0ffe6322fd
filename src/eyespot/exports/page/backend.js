// The one seam of the page. A backend is
//
//   model()                the facts: {name, classes, kind, size, channels, accuracy, collect, ...}
//   predict(blob, wanted)  {label, probability, unknown, refusal, ranked: [{label, probability}]},
//                          and with wanted.show `saw`, at times `found` and, with wanted.heat, `heat`:
//                          addresses of pictures
//   collect(blob, label)   {label, count}: keeps a picture as an example of a class
//   place                  a sentence: where the pictures go
//
// What goes wrong is thrown as an Error whose message is a sentence for a person. The page that
// `eyespot serve` shows asks the server; the one in a web folder works it out here.

export async function connect() {
  if (document.documentElement.dataset.backend !== "local") return (await import("./server.js")).connect();
  const [local, { keepOffline }] = await Promise.all([import("./local.js"), import("./offline.js")]);
  keepOffline();
  return local.connect();
}
