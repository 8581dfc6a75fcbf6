// Puts a decision into a slot: through the slot's own `<template>`, else as the HTML that the
// offer's owner was allowed, else as plain text. All is prepared aside and swapped in at the
// end, so that a failure half-way leaves the default untouched.
import type { Decision, Item, Properties } from './types';

/** The address, if following it can do no more than fetch: never `javascript:` or `data:`. */
function webAddress(value: unknown): string | undefined {
  const { protocol } = new URL('' + value, document.baseURI);
  return /^https?:$/.test(protocol) ? '' + value : undefined;
}

/** Minor units as the reader writes money; how many digits they have is the currency's own. */
function money(minor: unknown, currency: unknown): string {
  const format = new Intl.NumberFormat(document.documentElement.lang || undefined, {
    style: 'currency',
    currency: '' + currency,
  });
  return format.format(+minor! / 10 ** format.resolvedOptions().maximumFractionDigits!);
}

type Field = (element: Element, value: unknown, scope: Properties) => void;

const attribute =
  (name: string, checked = webAddress): Field =>
  (element, value) => {
    const safe = checked(value);
    if (safe != null) element.setAttribute(name, safe);
  };

const fields: Record<string, Field> = {
  text: (element, value) => (element.textContent = '' + value),
  href: attribute('href'),
  src: attribute('src'),
  alt: attribute('alt', String),
  money: (element, value, scope) => (element.textContent = money(value, scope.currency)),
};

/** A value that is missing, or that can't be shown, leaves the element as the template has it. */
function fillFields(root: ParentNode, scope: Properties): void {
  for (const kind in fields) {
    const mark = 'data-ashna-' + kind;
    for (const element of root.querySelectorAll(`[${mark}]`)) {
      const name = element.getAttribute(mark)!;
      const value = scope[kind === 'money' ? name + '_minor' : name];
      try {
        if (value != null) fields[kind]!(element, value, scope);
      } catch {}
    }
  }
}

function repeat(model: Element, items: Item[]): void {
  const copies = items.map((item, index) => {
    const holder = document.createDocumentFragment();
    const copy = model.cloneNode(true) as Element;
    // Says later which item was clicked, and where in the row it stood.
    copy.setAttribute('data-ashna-position', '' + (index + 1));
    holder.append(copy);
    fillFields(holder, item);
    return holder;
  });
  model.replaceWith(...copies);
}

/** True if there was something to show. */
export function render(slot: HTMLElement, { content, items = [] }: Decision): boolean {
  const scope = content || {};
  if (!Object.keys(scope)[0] && !items[0]) return false;
  const template = slot.querySelector('template');
  if (template) {
    const filled = document.importNode(template.content, true);
    // The slot's own fields first, so that an item's are not filled from the slot's content.
    const models = [...filled.querySelectorAll('[data-ashna-each]')].map((model) => {
      const holder = document.createComment('');
      model.replaceWith(holder);
      return [holder, model] as const;
    });
    fillFields(filled, scope);
    for (const [holder, model] of models) {
      holder.replaceWith(model);
      repeat(model, items);
    }
    slot.replaceChildren(template, filled);
  } else if (scope.html != null) slot.innerHTML = '' + scope.html;
  else if (scope.title != null) slot.textContent = '' + scope.title;
  else return false;
  return true;
}
