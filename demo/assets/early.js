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
    meta.setAttribute('property', 'ashna:item');
    meta.name = 'ashna:item';
    meta.content = id;
    document.head.append(meta);
  }
  if (TITLES[route]) document.title = `${TITLES[route]} · Hojreh`;

  // Decisions can arrive before the drawer that shows them does.
  window.ashna = window.ashna || [];
  window.hojrehDecisions = [];
  document.addEventListener('ashna:decision', (event) => window.hojrehDecisions.push(event.detail), true);
})();
