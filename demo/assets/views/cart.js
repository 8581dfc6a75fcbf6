// The basket, with quantities that can be changed.
import { addToCart, removeFromCart } from '../cards.js';
import { lines, QUANTITY_MAX, totals } from '../cart.js';
import { similar, tagged } from '../catalogue.js';
import { h, money } from '../dom.js';
import { line, track } from '../events.js';

let told = false;

export function cart({ redraw }) {
  const inside = lines();
  // Redrawing after a change is not another look at the basket.
  if (!told) {
    told = true;
    track('Cart Viewed', { products: inside.map(({ item, quantity }) => line(item, { quantity })) });
  }
  const defaults = { 'cart-recs': inside.length > 0 ? similar(inside[0].item, 8) : tagged('best-seller').slice(0, 8) };
  if (inside.length === 0) {
    return {
      title: 'Your basket', defaults,
      nodes: [h('h1', {}, 'Your basket is empty'),
        h('p', { class: 'lead' }, 'It is a good basket, though. ', h('a', { href: '/demo/' }, 'Find something for it'))],
    };
  }
  return {
    title: 'Your basket', defaults,
    nodes: [h('h1', {}, 'Your basket'),
      h('div', { class: 'cart' },
        h('ul', { class: 'cart-lines' }, inside.map((one) => cartLine(one, redraw))),
        h('aside', { class: 'summary', 'aria-label': 'Summary' },
          summary(inside), h('a', { class: 'button button-wide', href: '/demo/checkout' }, 'Go to checkout')))],
  };
}

function cartLine({ item, quantity }, redraw) {
  const change = (event) => {
    const wanted = Number(event.target.value);
    if (wanted > quantity) addToCart(item, wanted - quantity);
    else removeFromCart(item, quantity - wanted);
    redraw();
    document.getElementById(`many-${item.id}`)?.focus();
  };
  const remove = () => {
    removeFromCart(item, quantity);
    redraw();
    document.getElementById('main').focus();
  };
  const choices = Array.from({ length: QUANTITY_MAX }, (_, n) => h('option', { value: n + 1, selected: n + 1 === quantity }, n + 1));
  return h('li', { class: 'cart-line' },
    h('a', { href: item.url, tabindex: -1, 'aria-hidden': 'true' }, h('img', { src: item.image, alt: '', width: 96, height: 96 })),
    h('div', { class: 'cart-words' },
      h('a', { href: item.url }, item.title),
      h('span', { class: 'small' }, `${money(item.price_minor, item.currency)} each`)),
    h('label', { class: 'unseen', for: `many-${item.id}` }, `Quantity of ${item.title}`),
    h('select', { id: `many-${item.id}`, onchange: change }, choices),
    h('strong', { class: 'cart-sum' }, money(item.price_minor * quantity, item.currency)),
    h('button', { class: 'quiet', type: 'button', onclick: remove, 'aria-label': `Remove ${item.title}` }, 'Remove'));
}

/** The sums of a basket, as a small table. */
export function summary(inside) {
  const { goods, delivery, total } = totals(inside);
  const row = (name, value, strong) => h('div', strong ? { class: 'sum-total' } : {}, h('dt', {}, name), h('dd', {}, value));
  return h('dl', { class: 'sums' }, row('Goods', money(goods)),
    row('Delivery', delivery === 0 ? 'free' : money(delivery)), row('Together', money(total), true));
}
