// One category, sorted as the address says.
import { grid } from '../cards.js';
import { CATEGORIES, inCategory } from '../catalogue.js';
import { h } from '../dom.js';
import { line, track } from '../events.js';

const SORTS = {
  featured: ['Featured', (a, b) => b.tags.includes('best-seller') - a.tags.includes('best-seller')],
  'price-up': ['Price, low to high', (a, b) => a.price_minor - b.price_minor],
  'price-down': ['Price, high to low', (a, b) => b.price_minor - a.price_minor],
  name: ['Name', (a, b) => a.title.localeCompare(b.title, 'en')],
};

export function category({ id, query }) {
  const shown = CATEGORIES.find((one) => one.slug === id);
  if (!shown) return undefined;
  const sort = Object.hasOwn(SORTS, query.get('sort') ?? '') ? query.get('sort') : 'featured';
  const items = inCategory(shown.name).toSorted(SORTS[sort][1]);
  track('Product List Viewed', {
    list_id: shown.slug,
    category: shown.name,
    products: items.slice(0, 12).map((item, n) => line(item, { position: n + 1 })),
  });
  return {
    title: shown.name,
    nodes: [
      h('div', { class: 'banner' },
        h('div', { class: 'banner-words' }, h('h1', {}, shown.name), h('p', { class: 'lead' }, shown.says)),
        h('img', { src: shown.scene, alt: '', width: 780, height: 400 })),
      h('form', { class: 'sort', method: 'get' },
        h('p', {}, `${items.length} things`),
        h('label', { for: 'sort' }, 'Sort by'),
        h('select', { id: 'sort', name: 'sort', onchange: (event) => event.target.form.requestSubmit() },
          Object.entries(SORTS).map(([value, [label]]) => h('option', { value, selected: value === sort }, label)))),
      grid(items),
    ],
  };
}
