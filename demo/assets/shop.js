// The shop: finds the view for the address, draws it, keeps the header true.
import { fillDefault } from './cards.js';
import { lines, totals } from './cart.js';
import { items } from './catalogue.js';
import { startDrawer } from './drawer.js';
import { describeCart } from './events.js';
import { h } from './dom.js';
import { person } from './person.js';

// One module a view, fetched alone: what the page does not show must not compete with the tracker.
const VIEWS = {
  home: './views/home.js', category: './views/category.js', product: './views/product.js',
  search: './views/search.js', cart: './views/cart.js', checkout: './views/checkout.js',
  thanks: './views/checkout.js', account: './views/account.js',
};
const route = document.documentElement.dataset.route;
const views = { missing, ...(VIEWS[route] ? await import(VIEWS[route]) : {}) };
const place = document.getElementById('view');

function missing() {
  for (const shelf of document.querySelectorAll('[data-only]')) shelf.remove();
  return {
    title: 'Not found',
    nodes: [h('h1', {}, 'This shelf is empty'),
      h('p', { class: 'lead' }, 'There is nothing at this address. ', h('a', { href: '/demo/' }, 'Back to the shop'))],
  };
}

function draw() {
  const id = location.pathname.split('/')[3] ?? '';
  const view = views[route]({ id, query: new URLSearchParams(location.search), redraw: draw }) ?? missing();
  place.replaceChildren(...view.nodes);
  if (view.title) document.title = `${view.title} · Hojreh`;
  document.documentElement.dataset.drawn = '';
  for (const [slot, picks] of Object.entries(view.defaults ?? {})) fillDefault(slot, picks);
}

function showHeader() {
  const { count } = totals();
  const badge = document.querySelector('[data-cart-count]');
  badge.textContent = count;
  badge.classList.toggle('count-some', count > 0);
  const known = person();
  document.querySelector('[data-account]').textContent = known ? known.name.split(' ')[0] : 'Log in';
  for (const link of document.querySelectorAll('.categories a')) {
    if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
  }
}

function shareCart() {
  describeCart(lines().map(({ item }) => item.id));
}

showHeader();
shareCart();
addEventListener('shop:cart', () => { showHeader(); shareCart(); });
addEventListener('shop:person', showHeader);
// A page that comes back from the browser's memory may show an old basket.
addEventListener('pageshow', (event) => { if (event.persisted) { showHeader(); if (route === 'cart') draw(); } });
draw();
startDrawer(items);
