// Sets the stored theme before the first paint. Without one the system's theme applies.
(() => {
  try {
    const chosen = localStorage.getItem('livegate-theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
  } catch {
    // The browser has no storage.
  }
})();
