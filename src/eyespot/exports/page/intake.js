// Pictures that are dropped, pasted or chosen, one or many: onFiles([File, ...]).

import { get } from "./elements.js";

export function startIntake(onFiles) {
  const choose = get("choose");
  choose.addEventListener("change", () => {
    onFiles([...choose.files]);
    choose.value = "";  // the same file again is a change, too
  });
  const drop = get("drop");
  let depth = 0;
  const over = (inside) => drop.classList.toggle("over", inside);
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => carriesFiles(event) && over(++depth > 0));
  addEventListener("dragleave", (event) => carriesFiles(event) && over(--depth > 0));
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();  // else the browser would leave the page for the picture
    depth = 0;
    over(false);
    onFiles([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
}
