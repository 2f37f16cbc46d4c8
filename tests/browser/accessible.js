// Whether people can use a page with whatever they use: axe-core's findings, and whether it fits a phone.
import assert from 'node:assert/strict';

import AxeBuilder from '@axe-core/playwright';

/** No serious or critical finding, in light and in dark. */
export async function assertAccessible(page) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    assert.ok(passes.length > 5, 'axe looked at something');
    const grave = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    const told = grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join('\n')}`);
    assert.deepEqual(told, [], `in ${colorScheme}`);
  }
}

/** Nobody has to scroll sideways. */
export async function assertFits(page) {
  const { width } = page.viewportSize();
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(needed <= width, `it is ${needed} px wide where there are ${width}`);
}

/** How light the page's ground is, 0 to 1. */
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
