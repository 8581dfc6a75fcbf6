// Building page elements without ever parsing markup, so that nothing a
// visitor or the catalogue says can become code.

/** `h('a', {href: '/demo/', class: 'x', onclick: f}, 'text', child, [children])`. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const formats = new Map();

/** 1250, "EUR" → "€12.50". */
export function money(minor, currency = 'EUR') {
  if (!formats.has(currency)) {
    formats.set(currency, new Intl.NumberFormat('en-IE', { style: 'currency', currency }));
  }
  return formats.get(currency).format(minor / 100);
}

/** A short notice in the corner, read aloud by screen readers. */
export function toast(...content) {
  const place = document.querySelector('[data-toast]');
  place.replaceChildren(h('p', {}, ...content));
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => place.replaceChildren(), 6000);
}

/** What a browser's storage holds under `key`, or `otherwise` if it is missing or broken. */
export function stored(storage, key, otherwise) {
  try {
    return JSON.parse(storage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keeps `value`; a browser that refuses storage still shows the shop. */
export function store(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or forbidden: the shop goes on without a memory.
  }
}
