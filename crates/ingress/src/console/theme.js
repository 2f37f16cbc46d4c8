// Before anything is drawn: the theme that was chosen here before. Without one, the system's.
(() => {
  try {
    const chosen = localStorage.getItem('livegate-theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing.
  }
})();
