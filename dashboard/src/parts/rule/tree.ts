import type { FieldRule, Rule } from '../../api/types';

/** A rule while it is being edited: a tree of groups whose leaves compare one field, of visitors or of items. */
export type LeafBase = { key: number; kind: 'field' };
export type Group<L extends LeafBase> = { key: number; kind: 'all' | 'any' | 'none'; rules: (L | Group<L>)[] };

export const DEPTH_MAX = 4;

let lastKey = 0;
export const newKey = (): number => ++lastKey;
export const newGroup = <L extends LeafBase>(kind: Group<L>['kind'] = 'all', rules: Group<L>['rules'] = []): Group<L> => ({ key: newKey(), kind, rules });

export function groupOf<L extends LeafBase>(rule: Rule, leafOf: (rule: FieldRule) => L): Group<L> {
  const read = (inner: Rule): L | Group<L> | undefined => {
    if ('all' in inner) return newGroup('all', many(inner.all as Rule[]));
    if ('any' in inner) return newGroup('any', many(inner.any as Rule[]));
    if ('not' in inner) {
      const negated = inner.not as Rule;
      return newGroup('none', 'any' in negated ? many(negated.any as Rule[]) : many([negated]));
    }
    return 'field' in inner ? leafOf(inner as FieldRule) : undefined;
  };
  const many = (rules: Rule[]) => rules.map(read).filter((node) => node !== undefined);
  const node = read(rule);
  if (!node) return newGroup();
  return node.kind === 'field' ? newGroup('all', [node]) : node;
}

/** The rule to save; unfinished leaves and empty groups are left out, and nothing left means everyone. */
export function ruleOf<L extends LeafBase>(group: Group<L>, fieldRuleOf: (leaf: L) => FieldRule | undefined): Rule {
  const rules = group.rules
    .map((node) => (node.kind === 'field' ? fieldRuleOf(node) : ruleOf(node, fieldRuleOf)))
    .filter((rule) => rule !== undefined && Object.keys(rule).length > 0) as Rule[];
  if (rules.length === 0) return {};
  if (group.kind === 'none') return { not: { any: rules } };
  return group.kind === 'any' ? { any: rules } : { all: rules };
}
