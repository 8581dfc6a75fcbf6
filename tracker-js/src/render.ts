// Renders a decision into a slot: with the slot's `<template>`, else as HTML if the site allows it, else as plain text. The
// result is built separately and inserted at the end, so that an error leaves the default content untouched.
import type { Decision, Item, Properties } from './types';

/** Formats minor units in the page's language; the number of decimals depends on the currency. */
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
  // Only `http` and `https` URLs: no `javascript:`, no `data:`.
  else if (kind === 'alt' || /^https?:$/.test(new URL(text, document.baseURI).protocol)) {
    element.setAttribute(kind, text);
  }
}

/**
 * A missing or invalid value leaves the element as in the template. The attributes are removed, so that fields of an item
 * are not filled again from the slot's content.
 */
function fillFields(root: ParentNode, scope: Properties): void {
  for (const kind of kinds) {
    const attribute = 'data-ashna-' + kind;
    for (const element of root.querySelectorAll(`[${attribute}]`)) {
      const name = element.getAttribute(attribute)!;
      const value = scope[kind === 'money' ? name + '_minor' : name];
      element.removeAttribute(attribute);
      try {
        if (value != null) show(element, kind, value, scope);
      } catch {}
    }
  }
}

/** Creates one copy of the template element per item; the position attribute identifies clicks. */
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

/** Returns whether there was something to show. */
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
