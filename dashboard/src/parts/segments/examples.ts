import type { Key } from '../../i18n/index.svelte';
import { newCondition } from '../funnel/draft';
import type { Group } from '../offer/rule';
import { newEvent } from '../rule/past';
import { newGroup } from '../rule/tree';

/** Rules to start from. */
export const EXAMPLES = ['cart', 'spenders', 'category'] as const;
export type Example = (typeof EXAMPLES)[number];
export const exampleName = (example: Example) => `example.${example}` as const satisfies Key;
export const exampleText = (example: Example) => `example.${example}_text` as const satisfies Key;

/** What much is, in major units. */
const MUCH: Record<string, number> = { IRT: 5_000_000, IRR: 50_000_000, JPY: 50_000, KRW: 500_000, TRY: 20_000, INR: 30_000, RUB: 30_000 };

/** The rule of an example; a value that only the site knows is left to be filled in. */
export function exampleRule(example: Example, currency: string): Group {
  switch (example) {
    case 'cart':
      return newGroup('all', [newEvent({ event: 'Product Added', days: '7' }), newEvent({ did: false, event: 'Order Completed', days: '7' })]);
    case 'spenders':
      return newGroup('all', [newEvent({ event: 'Order Completed', days: '90', measure: 'sum', property: 'revenue', value: String(MUCH[currency] ?? 500) })]);
    case 'category':
      return newGroup('all', [newEvent({ event: 'Product Viewed', where: [{ ...newCondition(), property: '$category' }], measure: 'count', value: '3' })]);
  }
}
