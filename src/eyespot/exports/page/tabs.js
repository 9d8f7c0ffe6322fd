// Tabs, with the keys that screen readers expect of them.

export function startTabs(onOpen) {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  function open(tab) {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      panel(one).hidden = !chosen;
    }
    onOpen(panel(tab).id);
  }

  for (const tab of tabs) {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const usable = tabs.filter((one) => !one.hidden);
      const next = usable[(usable.indexOf(tab) + step + usable.length) % usable.length];
      next.focus();
      open(next);
      event.preventDefault();
    });
  }
  return (id) => open(tabs.find((tab) => panel(tab).id === id));
}
