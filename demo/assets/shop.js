// The shop: finds the view for the address, draws it, keeps the header true.
import { fillDefault } from './cards.js';
import { lines, totals } from './cart.js';
import { items } from './catalogue.js';
import { startDrawer } from './drawer.js';
import { describeCart } from './events.js';
import { h } from './dom.js';
import { account, person } from './views/account.js';
import { cart } from './views/cart.js';
import { category } from './views/category.js';
import { checkout, thanks } from './views/checkout.js';
import { home } from './views/home.js';
import { product } from './views/product.js';
import { search } from './views/search.js';

const VIEWS = { home, category, product, search, cart, checkout, thanks, account, missing };
const route = document.documentElement.dataset.route;
const place = document.getElementById('view');

function missing() {
  return {
    title: 'Not found',
    nodes: [h('h1', {}, 'This shelf is empty'),
      h('p', { class: 'lead' }, 'There is nothing at this address. ', h('a', { href: '/demo/' }, 'Back to the shop'))],
  };
}

function draw() {
  const id = location.pathname.split('/')[3] ?? '';
  const view = VIEWS[route]({ id, query: new URLSearchParams(location.search), redraw: draw }) ?? missing();
  place.replaceChildren(...view.nodes);
  if (view.title) document.title = `${view.title} · Hojreh`;
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
