// Accessibility of a page: axe-core's findings, and the width of a phone.
import assert from 'node:assert/strict';

import AxeBuilder from '@axe-core/playwright';

/** No serious or critical finding, in light and in dark. */
export async function assertAccessible(page) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    assert.ok(passes.length > 5, 'axe has made checks');
    const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    const findings = grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join('\n')}`);
    assert.deepEqual(findings, [], `in ${colorScheme}`);
  }
}

/** The page is not wider than the window. */
export async function assertFits(page) {
  const { width } = page.viewportSize();
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(needed <= width, `the page needs ${needed} px, the window has ${width}`);
}

/** The lightness of the page's background, 0 to 1. */
export function groundOf(page) {
  return page.evaluate(() => {
    const colour = [document.body, document.documentElement]
      .map((node) => getComputedStyle(node).backgroundColor)
      .find((text) => text !== 'rgba(0, 0, 0, 0)');
    const canvas = new OffscreenCanvas(1, 1).getContext('2d');
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
    return (red + green + blue) / 765;
  });
}
