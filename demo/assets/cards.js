// Product cards and the buttons on them. The markup equals the templates of
// the slots in index.html, so a decided shelf looks like a default one.
import { put, quantityOf } from './cart.js';
import { h, money, toast } from './dom.js';
import { product, track } from './events.js';

export function card(item, { eager = false } = {}) {
  return h('a', { class: 'card', href: item.url },
    h('span', { class: 'card-picture' },
      h('img', { src: item.image, alt: '', width: 400, height: 400, loading: eager ? null : 'lazy' })),
    h('span', { class: 'card-brand' }, item.brand),
    h('span', { class: 'card-title' }, item.title),
    h('span', { class: 'card-price' }, money(item.price_minor, item.currency),
      item.available ? null : h('span', { class: 'card-gone' }, 'sold out')));
}

export const grid = (items) =>
  h('ul', { class: 'grid' }, items.map((item, n) => h('li', {}, card(item, { eager: n < 8 }))));

/** Fills the default shelf of a slot, unless the tracker has already decided it. */
export function fillDefault(slot, items) {
  const row = document.querySelector(`[data-default="${slot}"]`);
  row?.replaceChildren(...items.map((item) => h('li', {}, card(item))));
}

export function addToCart(item, quantity) {
  const added = put(item, quantityOf(item) + quantity);
  if (added <= 0) {
    toast('The basket holds no more of these.');
    return;
  }
  track('Product Added', product(item, { quantity: added }));
  toast(`${item.title} is in your basket. `, h('a', { href: '/demo/cart' }, 'See the basket'));
}

export function removeFromCart(item, quantity) {
  const removed = -put(item, quantityOf(item) - quantity);
  if (removed > 0) track('Product Removed', product(item, { quantity: removed }));
}
