// A checkout that sells nothing: no payment fields, and what is typed into it
// is neither kept nor sent. The thanks page reports the order once.
import { empty, lines, totals } from '../cart.js';
import { find, tagged } from '../catalogue.js';
import { grid } from '../cards.js';
import { h, money, store, stored } from '../dom.js';
import { line, track } from '../events.js';
import { person } from '../person.js';
import { summary } from './cart.js';

const ORDER_KEY = 'hojreh.order';

export function checkout() {
  const inside = lines();
  if (inside.length === 0) {
    return { title: 'Checkout', nodes: [h('h1', {}, 'Nothing to check out yet'),
      h('p', { class: 'lead' }, h('a', { href: '/demo/' }, 'Fill the basket first'))] };
  }
  const { goods, delivery, total } = totals(inside);
  track('Checkout Started', {
    value: total / 100, revenue: goods / 100, shipping: delivery / 100, currency: 'EUR',
    products: inside.map(({ item, quantity }) => line(item, { quantity })),
  });
  const known = person();
  return {
    title: 'Checkout',
    nodes: [h('h1', {}, 'Checkout'),
      h('p', { class: 'note' }, 'This is a demo. Nothing is sold, nothing is delivered, no payment is asked for, and what you type here stays on this page. The fields are filled in for you.'),
      h('div', { class: 'cart' },
        h('form', { class: 'form', onsubmit: placeOrder },
          field('name', 'Name', known?.name ?? 'Shirin Example'),
          field('street', 'Street', '12 Plane Tree Lane'),
          field('city', 'City', 'Nowhere-by-the-Sea'),
          h('fieldset', {}, h('legend', {}, 'Delivery'),
            choice('calm', 'In its own time', true), choice('bicycle', 'By an imaginary bicycle', false)),
          h('button', { class: 'button button-wide', type: 'submit' }, 'Place the invented order')),
        h('aside', { class: 'summary', 'aria-label': 'Summary' },
          h('ul', { class: 'small' }, inside.map(({ item, quantity }) => h('li', {}, `${quantity} × ${item.title}`))),
          summary(inside)))],
  };
}

function field(name, label, value) {
  return h('p', { class: 'field' }, h('label', { for: name }, label),
    h('input', { id: name, name, value, required: true, maxlength: 80, autocomplete: 'off' }));
}

const choice = (value, label, checked) =>
  h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'delivery', value, checked }), label);

function placeOrder(event) {
  event.preventDefault();
  const inside = lines();
  const { goods, delivery, total } = totals(inside);
  const random = crypto.getRandomValues(new Uint32Array(2));
  const order = {
    id: `H-${[...random].map((part) => part.toString(36).toUpperCase().padStart(7, '0')).join('')}`,
    goods, delivery, total, reported: false,
    lines: inside.map(({ item, quantity }) => ({ id: item.id, quantity })),
  };
  store(sessionStorage, ORDER_KEY, order);
  empty();
  location.assign('/demo/thanks');
}

export function thanks() {
  const order = stored(sessionStorage, ORDER_KEY, null);
  if (typeof order?.id !== 'string' || !Array.isArray(order.lines)) {
    return { title: 'Thank you', nodes: [h('h1', {}, 'No order yet'),
      h('p', { class: 'lead' }, h('a', { href: '/demo/' }, 'Back to the shop'))] };
  }
  const bought = order.lines.map(({ id, quantity }) => ({ item: find(id), quantity })).filter(({ item }) => item);
  // The flag makes a reload of this page silent, so that one order is reported once.
  if (!order.reported) {
    store(sessionStorage, ORDER_KEY, { ...order, reported: true });
    track('Order Completed', {
      order_id: order.id, revenue: order.goods / 100, shipping: order.delivery / 100, total: order.total / 100,
      currency: 'EUR', products: bought.map(({ item, quantity }) => line(item, { quantity })),
    });
  }
  return {
    title: 'Thank you',
    nodes: [h('h1', {}, 'Thank you'),
      h('p', { class: 'lead' }, `Your invented order ${order.id} over ${money(order.total)} is on its imaginary way. `,
        h('a', { href: '/dashboard/' }, 'See it in the dashboard')),
      h('ul', { class: 'received' }, bought.map(({ item, quantity }) =>
        h('li', {}, h('img', { src: item.image, alt: '', width: 64, height: 64 }), `${quantity} × ${item.title}`))),
      h('h2', {}, 'While you wait'), grid(tagged('best-seller').slice(0, 4))],
  };
}
