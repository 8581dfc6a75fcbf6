// Puts a decision into a slot: through the slot's own `<template>`, else as the HTML that the
// offer's owner was allowed, else as plain text. All is prepared aside and swapped in at the
// end, so that a failure half-way leaves the default untouched.
import type { Decision, Item, Properties } from './types';

/** Minor units as the reader writes money; how many digits they have is the currency's own. */
function money(minor: unknown, currency: unknown): string {
  const format = new Intl.NumberFormat(document.documentElement.lang || undefined, {
    style: 'currency',
    currency: '' + currency,
  });
  return format.format(+minor! / 10 ** format.resolvedOptions().maximumFractionDigits!);
}

const kinds = ['text', 'money', 'href', 'src', 'alt'];

function show(element: Element, kind: string, value: unknown, { currency }: Properties): void {
  const text = '' + value;
  if (kind === 'text') element.textContent = text;
  else if (kind === 'money') element.textContent = money(value, currency);
  // An address must do no more than fetch when it is followed: no `javascript:`, no `data:`.
  else if (kind === 'alt' || /^https?:$/.test(new URL(text, document.baseURI).protocol)) {
    element.setAttribute(kind, text);
  }
}

/**
 * A value that is missing, or that can't be shown, leaves the element as the template has it.
 * The marks go, so that what belongs to an item is not filled again from the slot's content.
 */
function fillFields(root: ParentNode, scope: Properties): void {
  for (const kind of kinds) {
    const mark = 'data-ashna-' + kind;
    for (const element of root.querySelectorAll(`[${mark}]`)) {
      const name = element.getAttribute(mark)!;
      const value = scope[kind === 'money' ? name + '_minor' : name];
      element.removeAttribute(mark);
      try {
        if (value != null) show(element, kind, value, scope);
      } catch {}
    }
  }
}

/** One copy of the model an item; its position says later which one was clicked. */
function repeat(model: Element, items: Item[]): void {
  items.forEach((item, index) => {
    const holder = new DocumentFragment();
    holder.append(model.cloneNode(true));
    holder.firstElementChild!.setAttribute('data-ashna-position', '' + (index + 1));
    fillFields(holder, item);
    model.before(holder);
  });
  model.remove();
}

/** True if there was something to show. */
export function render(slot: HTMLElement, { content, items = [] }: Decision): boolean {
  const { html, title } = content || {};
  const template = slot.querySelector('template');
  if (template && (items[0] || Object.keys(content || {})[0])) {
    const filled = document.importNode(template.content, true);
    for (const model of filled.querySelectorAll('[data-ashna-each]')) repeat(model, items);
    fillFields(filled, content || {});
    slot.replaceChildren(template, filled);
  } else if (html != null) slot.innerHTML = '' + html;
  else if (title != null) slot.textContent = '' + title;
  else return false;
  return true;
}
