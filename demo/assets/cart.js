// The basket: a list of {id, quantity} in this browser's own storage, which
// anybody can edit, so it is checked against the catalogue each time it is read.
import { find } from './catalogue.js';
import { store, stored } from './dom.js';

const KEY = 'hojreh.cart';
const LINES_MAX = 30;
export const QUANTITY_MAX = 20;
const FREE_DELIVERY_MINOR = 4000;
const DELIVERY_MINOR = 490;

/** The basket's lines: `[{item, quantity}]`. */
export function lines() {
  const kept = stored(localStorage, KEY, []);
  if (!Array.isArray(kept)) return [];
  const seen = new Set();
  return kept.slice(0, LINES_MAX).flatMap((line) => {
    const item = find(line?.id);
    const quantity = Math.trunc(line?.quantity);
    if (!item || seen.has(item.id) || !(quantity >= 1)) return [];
    seen.add(item.id);
    return [{ item, quantity: Math.min(quantity, QUANTITY_MAX) }];
  });
}

/** Sets how many of an item are in the basket; 0 takes it out. Returns the change. */
export function put(item, quantity) {
  const before = lines();
  const had = before.find((line) => line.item.id === item.id)?.quantity ?? 0;
  if (had === 0 && before.length >= LINES_MAX) return 0;
  const wanted = Math.max(0, Math.min(QUANTITY_MAX, quantity));
  const after = had === 0
    ? [...before, { item, quantity: wanted }]
    : before.map((line) => (line.item.id === item.id ? { item, quantity: wanted } : line));
  save(after.filter((line) => line.quantity > 0));
  return wanted - had;
}

export const quantityOf = (item) => lines().find((line) => line.item.id === item.id)?.quantity ?? 0;
export const empty = () => save([]);

function save(after) {
  store(localStorage, KEY, after.map(({ item, quantity }) => ({ id: item.id, quantity })));
  dispatchEvent(new CustomEvent('shop:cart'));
}

/** What the basket costs: goods, delivery and both together. */
export function totals(of = lines()) {
  const goods = of.reduce((sum, { item, quantity }) => sum + item.price_minor * quantity, 0);
  const delivery = goods === 0 || goods >= FREE_DELIVERY_MINOR ? 0 : DELIVERY_MINOR;
  return { goods, delivery, total: goods + delivery, count: of.reduce((sum, line) => sum + line.quantity, 0) };
}
