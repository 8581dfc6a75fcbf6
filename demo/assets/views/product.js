// One product: its picture, its words, the button.
import { addToCart } from '../cards.js';
import { CATEGORIES, find, similar } from '../catalogue.js';
import { QUANTITY_MAX } from '../cart.js';
import { h, money } from '../dom.js';
import { product as described, track } from '../events.js';

export function product({ id }) {
  const item = find(id);
  if (!item) return undefined;
  track('Product Viewed', described(item));
  const main = CATEGORIES.find((category) => category.name === item.categories[0]);
  return {
    title: item.title,
    defaults: { 'product-recs': similar(item, 8) },
    nodes: [
      h('nav', { class: 'crumbs', 'aria-label': 'You are here' },
        h('a', { href: '/demo/' }, 'Shop'), ' / ', h('a', { href: main.url }, main.name)),
      h('article', { class: 'product' },
        h('figure', { class: 'product-picture' },
          h('img', { src: item.image, alt: `Drawing of ${item.title}`, width: 400, height: 400 })),
        h('div', { class: 'product-words' },
          h('p', { class: 'eyebrow' }, item.brand),
          h('h1', {}, item.title),
          h('p', { class: 'price' }, money(item.price_minor, item.currency)),
          h('p', { class: 'lead' }, item.description),
          item.available ? buyForm(item) : h('p', { class: 'note' }, 'Sold out for now. The next ones are being made.'),
          h('ul', { class: 'tags', 'aria-label': 'Tags' }, item.tags.map((tag) =>
            h('li', {}, h('a', { href: `/demo/search?q=${encodeURIComponent(tag)}` }, tag)))),
          h('p', { class: 'small' }, 'Delivery is free from €40. In this shop it is also imaginary.'))),
    ],
  };
}

function buyForm(item) {
  const amounts = Array.from({ length: Math.min(6, QUANTITY_MAX) }, (_, n) => h('option', { value: n + 1 }, n + 1));
  const quantity = h('select', { id: 'quantity', name: 'quantity' }, amounts);
  const submit = (event) => {
    event.preventDefault();
    addToCart(item, Number(quantity.value));
  };
  return h('form', { class: 'buy', onsubmit: submit },
    h('label', { for: 'quantity', class: 'unseen' }, 'Quantity'), quantity,
    h('button', { class: 'button', type: 'submit' }, 'Add to basket'));
}
