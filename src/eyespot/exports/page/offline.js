// Has the browser keep this page, so that it works without a network; a page that cannot be kept,
// as one that was opened by plain http from another computer, works as long as it is served.

export function keepOffline() {
  navigator.serviceWorker?.register("sw.js").catch(() => {});
}
