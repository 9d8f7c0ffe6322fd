// Keeps the whole page on the device, so that it works without a network after the first visit. A
// new export has another version, is kept beside the old one, and takes its place when complete.

const VERSION = "eyespot-VERSION";
const FILES = ["FILES"];

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(VERSION);
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const scope = new URL(self.registration.scope).pathname;
    for (const name of await caches.keys()) {
      // Several pages may lie on one host; a cache belongs to the page whose index it holds.
      if (name === VERSION || !name.startsWith("eyespot-")) continue;
      const index = await (await caches.open(name)).match(new URL("./", self.registration.scope));
      if (index && new URL(index.url).pathname === scope) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith((async () => {
    const cache = await caches.open(VERSION);
    const isIndex = new URL(event.request.url).pathname.endsWith("/index.html");
    const kept = await cache.match(isIndex ? "./" : event.request, { ignoreSearch: true });
    return kept ?? fetch(event.request);
  })());
});
