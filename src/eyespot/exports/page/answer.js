// The answer in large, the likeliest classes as bars, and what the model saw.

import { drawn, get, made, percent, shown } from "./elements.js";

const MOST = 5;
const LEAST = 3;
const NOTHING = 0.0005;  // what is shown as less than 0.1 %

export function showIdle() {
  get("idle").hidden = false;
  get("said").hidden = true;
}

// said: a backend's answer. live: whether the next one follows at once, as from a camera.
export function showAnswer(said, { coarse, live = false }) {
  get("idle").hidden = true;
  const block = get("said");
  block.hidden = false;
  block.classList.toggle("unknown", said.unknown);
  const label = shown(said.label);
  const large = get("answer");
  large.textContent = said.unknown ? "unknown" : label;
  large.className = `answer ${said.unknown ? "unknown" : sizeOf(label)}`;
  get("sure").replaceChildren(...sentence(said, label));
  showRanked(said.ranked.slice(0, MOST).filter(({ probability }, k) => k < LEAST || probability >= NOTHING));
  showViews(said, coarse);
  speak(said.unknown ? `unknown; nearest ${label}` : `${label}, ${percent(said.probability)}`, live);
}

export function showFailure(reason, { live = false }) {
  get("idle").hidden = true;
  get("said").hidden = false;
  get("said").classList.remove("unknown");
  const empty = reason.includes("shows nothing");
  get("answer").textContent = empty ? "nothing" : shown(reason);
  get("answer").className = `answer ${empty ? "empty" : "failed"}`;
  for (const id of ["ranked", "views"]) get(id).replaceChildren();
  get("sure").textContent = empty ? "No character is written there." : "";
  speak(empty ? "nothing" : reason, live);
}

function sizeOf(label) {
  return label.length <= 2 ? "short" : label.length <= 24 ? "" : "long";
}

function sentence(said, label) {
  const sure = made("b", { textContent: percent(said.probability) });
  if (!said.unknown) return [sure, " sure"];
  return ["It is unlike what the model was trained on. Nearest: ", made("b", { textContent: label })];
}

function showRanked(ranked) {
  const list = get("ranked");
  list.replaceChildren(
    ...ranked.map(({ label, probability }) =>
      made("li", {},
        made("span", { className: "label", textContent: shown(label), title: shown(label) }),
        bar(probability),
        made("span", { className: "value", textContent: percent(probability) }))),
  );
}

function bar(share) {
  const width = (100 * share).toFixed(2);
  return drawn("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { width, height: 10 }));
}

function showViews(said, coarse) {
  const views = [
    [said.found, "Found here", false],
    [said.saw, "What the model saw", coarse],
    [said.heat, "What spoke for it", coarse],
  ];
  get("views").replaceChildren(
    ...views.filter(([address]) => address).map(([address, words, blocks]) =>
      made("figure", {},
        made("img", { src: address, alt: words, className: blocks ? "coarse" : "" }),
        made("figcaption", { textContent: words }))),
  );
}

// A screen reader hears a new answer, and not the same one fifteen times a second.
let spoken = "";
let due = 0;
function speak(words, live) {
  const subject = live ? words.replace(/, .*/, "") : words;
  if (subject === spoken && live) return;
  spoken = subject;
  clearTimeout(due);
  due = setTimeout(() => (get("spoken").textContent = shown(words)), live ? 600 : 150);
}
