// The home page below its slots: the categories and what sells best.
import { grid } from '../cards.js';
import { CATEGORIES, inCategory, tagged } from '../catalogue.js';
import { h } from '../dom.js';

export function home() {
  const best = tagged('best-seller');
  return {
    defaults: { 'home-recs': tagged('persian').filter((item) => item.available).slice(0, 8) },
    nodes: [
      h('h2', { id: 'categories' }, 'Around the shop'),
      h('ul', { class: 'tiles' }, CATEGORIES.map((category) =>
        h('li', {}, h('a', { class: 'tile', href: category.url },
          h('img', { src: category.scene, alt: '', width: 780, height: 400, loading: 'lazy' }),
          h('span', { class: 'tile-name' }, category.name),
          h('span', { class: 'tile-count' }, `${inCategory(category.name).length} things`))))),
      h('h2', {}, 'What leaves the shop most'),
      grid(spread(best, 8)),
    ],
  };
}

/** One of each category first, so that the shelf shows the whole shop. */
function spread(items, count) {
  const seen = new Map();
  return items
    .map((item) => {
      const turn = seen.get(item.categories[0]) ?? 0;
      seen.set(item.categories[0], turn + 1);
      return [turn, item];
    })
    .sort(([a], [b]) => a - b)
    .slice(0, count)
    .map(([, item]) => item);
}
