// What the shop tells Ashna. Names and properties follow Segment's e-commerce
// events; the tracker may load before or after, the queue takes calls meanwhile.
import { store, stored } from './dom.js';

const LOG_KEY = 'hojreh.log';
const LOG_MAX = 40;
const ashna = () => (window.ashna = window.ashna || []);

/** An item as one line of a list, a basket or an order. */
export function line(item, more = {}) {
  return {
    product_id: item.id,
    name: item.title,
    category: item.categories[0],
    brand: item.brand,
    price: item.price_minor / 100,
    ...more,
  };
}

/** An item as the subject of an event of its own. */
export function product(item, more) {
  return {
    ...line(item, more),
    currency: item.currency,
    image_url: new URL(item.image, location.origin).href,
    url: new URL(item.url, location.origin).href,
  };
}

export function track(name, properties = {}) {
  ashna().push(['track', name, properties]);
  const about = properties.name ?? properties.category ?? properties.query ?? properties.order_id ?? '';
  remember({ name, about: String(about), category: properties.product_id ? properties.category : undefined });
}

export function identify(userId, traits) {
  ashna().push(['identify', userId, traits]);
  remember({ name: 'identify', about: traits.name });
}

/** From here on an unknown visitor. */
export function forget() {
  ashna().push(['reset']);
  remember({ name: 'reset', about: 'a new, unknown visitor' });
}

/** Tells the decisions what is in the basket. */
export function describeCart(ids) {
  ashna().push(['context', { cart: ids }]);
}

/** The last events of this tab, newest first, for the drawer. */
export function log() {
  const kept = stored(sessionStorage, LOG_KEY, []);
  if (!Array.isArray(kept)) return [];
  return kept.slice(0, LOG_MAX).filter((entry) =>
    typeof entry?.name === 'string' && typeof entry.about === 'string' && Number.isFinite(entry.at));
}

export function remember(entry) {
  store(sessionStorage, LOG_KEY, [{ ...entry, at: Date.now() }, ...log()].slice(0, LOG_MAX));
  dispatchEvent(new CustomEvent('shop:event'));
}
