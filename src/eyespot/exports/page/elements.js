// Elements of the page. What comes from files, models and people enters as text alone.

export const get = (id) => document.getElementById(id);

export function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Long or invisible characters in a name must not stretch or turn the page around.
export function shown(text) {
  const quiet = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}]+/gu, "\ufffd");
  return quiet.length > 300 ? `${quiet.slice(0, 300)}…` : quiet;
}

export function percent(share) {
  if (share >= 0.9995 && share < 1) return ">\u202f99.9\u00a0%";
  if (share < 0.0005 && share > 0) return "<\u202f0.1\u00a0%";
  return `${(100 * share).toFixed(share < 0.1 || share > 0.9 ? 1 : 0)}\u00a0%`;
}
