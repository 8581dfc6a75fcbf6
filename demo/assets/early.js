// Runs before the first paint: names the route, so that the style sheet shows
// the right slots, gives the page view its title, and tells the tracker which
// item the page is about. Everything else waits for shop.js.
(() => {
  const ROUTES = {
    '': 'home', c: 'category', p: 'product', search: 'search', cart: 'cart',
    checkout: 'checkout', thanks: 'thanks', account: 'account',
  };
  const TITLES = {
    search: 'Search', cart: 'Your basket', checkout: 'Checkout', thanks: 'Thank you', account: 'Your account',
  };
  const [section = '', id = ''] = location.pathname.split('/').slice(2);
  const route = Object.hasOwn(ROUTES, section) ? ROUTES[section] : 'missing';
  document.documentElement.dataset.route = route;

  // The catalogue is not here yet; the address gives a title that is close, shop.js sets the exact one.
  const words = (slug) => (slug.charAt(0).toUpperCase() + slug.slice(1)).replaceAll('-', ' ');
  if (route === 'category') document.title = `${words(id)} · Hojreh`;
  if (route === 'product') {
    document.title = `${words(id.slice(id.indexOf('-') + 1))} · Hojreh`;
    const meta = document.createElement('meta');
    meta.name = 'ashna:item';
    meta.content = id;
    document.head.append(meta);
  }
  if (TITLES[route]) document.title = `${TITLES[route]} · Hojreh`;

  // Slots of other routes leave as soon as they are parsed, so that nobody asks for them to be decided.
  new MutationObserver((records) => {
    for (const node of records.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (node.dataset?.only && node.dataset.only !== route) node.remove();
    }
  }).observe(document, { childList: true, subtree: true });

  // What is in the basket goes with the first decision; the catalogue would come too late to check it here.
  window.ashna = window.ashna || [];
  try {
    const cart = JSON.parse(localStorage.getItem('hojreh.cart')) ?? [];
    const ids = cart.slice(0, 30).map((line) => line.id).filter((known) => typeof known === 'string' && known.length <= 100);
    window.ashna.push(['context', { cart: ids }]);
  } catch {
    // No storage, or something else in it: an unknown basket.
  }

  // Decisions can arrive before the drawer that shows them does.
  window.hojrehDecisions = [];
  document.addEventListener('ashna:decision', (event) => window.hojrehDecisions.push(event.detail), true);
})();
