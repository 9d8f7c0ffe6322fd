// Work on the newest of many: what came while it was busy, but for the last, is left out.

export function latest(work) {
  let busy = false;
  let next = null;
  return async function ask(item) {
    next = { item };
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const { item: current } = next;
        next = null;
        await work(current);
      }
    } finally {
      busy = false;
    }
  };
}
