// The camera: onFrame(video) as often as the last one is answered; what goes wrong goes to onTrouble
// as a sentence.

import { get } from "./elements.js";

const WHY = {
  NotAllowedError: "The camera is not allowed here. Allow it in the browser's settings for this page, then start it again.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "The camera cannot be read; another program may be using it. Close that one, then start it again.",
  OverconstrainedError: "There is no such camera any more. Start it again.",
};
const INSECURE = "Browsers give the camera to secure pages only. Open this page by https://, or on the same computer by http://localhost.";
const UNPLUGGED = "The camera has gone. Plug it in, then start it again.";
const PAUSE = 60;  // milliseconds between two frames: the page stays quick

export function startCamera({ onFrame, onTrouble }) {
  const video = get("video");
  let stream = null;
  let devices = [];
  let number = 0;

  async function start() {
    onTrouble(null);
    if (!navigator.mediaDevices) return onTrouble(INSECURE);
    stop();
    video.removeAttribute("poster");
    const wanted = devices.length > 1
      ? { deviceId: { exact: devices[number % devices.length].deviceId } }
      : { facingMode: { ideal: "environment" } };
    let opened = null;
    try {
      opened = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
      stream = opened;
      video.srcObject = opened;
      await video.play();
      const all = await navigator.mediaDevices.enumerateDevices();
      devices = all.filter(({ kind }) => kind === "videoinput");
    } catch (error) {
      if (opened !== stream) return;  // stopped meanwhile
      stop();
      return onTrouble(WHY[error.name] ?? `The camera cannot be started (${error.message}).`);
    }
    opened.getVideoTracks()[0].addEventListener("ended", () => {
      if (opened !== stream) return;
      stop();
      onTrouble(UNPLUGGED);
    });
    show();
    run(opened);
  }

  async function run(opened) {
    while (opened === stream) {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !document.hidden) await onFrame(video);
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }

  function stop() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
    show();
  }

  function show() {
    get("start").textContent = stream ? "Stop the camera" : "Start the camera";
    get("keep").hidden = !stream;
    get("off").hidden = Boolean(stream || video.poster);
    get("other").hidden = !stream || devices.length < 2;
  }

  get("start").addEventListener("click", () => (stream ? stop() : start()));
  get("other").addEventListener("click", () => {
    number++;
    start();
  });
  // Stops with this picture, an address, in the camera's place.
  function hold(picture) {
    video.poster = picture;
    stop();
  }

  return { stop, hold };
}

// A frame as a picture file, at most `most` pixels wide or high.
export function frame(video, most = 640) {
  const scale = Math.min(1, most / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
  canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}
