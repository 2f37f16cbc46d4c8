// Tabs by the ARIA pattern: one tab is in the tab order, arrow keys move between tabs.

/** Makes tabs of `list`. Calls `shown(tab, isMeant)`; `isMeant` is false for a move by arrow key.
 * */
export function tabs(list, shown) {
  const all = [...list.querySelectorAll('[role=tab]')];
  const select = (tab) => {
    for (const other of all) {
      const isIt = other === tab;
      other.setAttribute('aria-selected', String(isIt));
      other.tabIndex = isIt ? 0 : -1;
      document.getElementById(other.getAttribute('aria-controls')).hidden = !isIt;
    }
  };
  list.addEventListener('click', ({ target }) => {
    const tab = target.closest('[role=tab]');
    if (tab === null) return;
    select(tab);
    shown(tab, true);
  });
  list.addEventListener('keydown', (event) => {
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = all[(to + all.length) % all.length];
    select(tab);
    tab.focus();
    shown(tab, false);
  });
  return { select };
}
