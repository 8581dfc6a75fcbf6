import type { FieldRule, Rule } from '../../api/types';

/**
 * A rule while being edited: a tree of groups whose leaves compare one field, of visitors or of items, or ask for past
 * events or another segment. Anything the editor cannot show without changing it is kept and edited as JSON.
 */
export type LeafBase = { key: number; kind: 'field' | 'event' | 'segment' };
export type JsonNode = { key: number; kind: 'json'; text: string; why: Why };
export type Node<L extends LeafBase> = L | JsonNode | Group<L>;
export type Group<L extends LeafBase> = { key: number; kind: 'all' | 'any' | 'none'; rules: Node<L>[] };
/** Why a node stays JSON: unsupported field or operator, a value the editor would change, past events, or another shape. */
export type Why = 'field' | 'value' | 'past' | 'shape';

/** Converts leaves from and to rules; undefined if a rule is not supported, or a leaf not finished. */
export type Leaves<L extends LeafBase> = {
  read: (rule: FieldRule) => L | undefined;
  /** Rules that compare no field, possibly negated. */
  readOther?: (rule: Rule) => L | undefined;
  write: (leaf: L) => Rule | undefined;
};

/** Nesting depth up to which groups can be added; deeper rules are still shown. */
export const DEPTH_MAX = 4;

let lastKey = 0;
export const newKey = (): number => ++lastKey;
export const newGroup = <L extends LeafBase>(kind: Group<L>['kind'] = 'all', rules: Node<L>[] = []): Group<L> => ({ key: newKey(), kind, rules });

const raw = (rule: unknown, why: Why): JsonNode => ({ key: newKey(), kind: 'json', text: JSON.stringify(rule, null, 1), why });
const serialized = ({ field, op, value }: FieldRule): string => JSON.stringify([field, op, value ?? null]);
/** JSON without what says nothing, its names in order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const said = Object.entries(value).filter(([name, inner]) => inner != null && !(name === 'where' && Array.isArray(inner) && inner.length === 0));
  return `{${said.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}
export const isGroup = <L extends LeafBase>(node: Node<L>): node is Group<L> => 'rules' in node;
const isJson = (node: { kind: string }): node is JsonNode => node.kind === 'json';

export function toGroup<L extends LeafBase>(rule: Rule, leaves: Leaves<L>): Group<L> {
  if (Object.keys(rule).length === 0) return newGroup();
  const node = toNode(rule, leaves);
  return isGroup(node) ? node : newGroup('all', [node]);
}

function toNode<L extends LeafBase>(rule: Rule, leaves: Leaves<L>): Node<L> {
  const other = 'field' in rule ? undefined : leaves.readOther?.(rule);
  const written = other && leaves.write(other);
  if (other && written && canonical(written) === canonical(rule)) return other;
  const only = (name: string) => name in rule && Object.keys(rule).length === 1;
  const many = (kind: Group<L>['kind'], rules: unknown): Node<L> =>
    Array.isArray(rules) && rules.length > 0 ? newGroup(kind, rules.map((inner) => toNode(inner as Rule, leaves))) : raw(rule, 'shape');
  if (only('all') && 'all' in rule) return many('all', rule.all);
  if (only('any') && 'any' in rule) return many('any', rule.any);
  if (only('not') && 'not' in rule) {
    const inner = rule.not as Rule;
    return 'any' in inner && Object.keys(inner).length === 1 ? many('none', inner.any) : many('none', [inner]);
  }
  if (!('field' in rule)) return raw(rule, 'event' in rule || 'sequence' in rule ? 'past' : 'shape');
  const field = rule as FieldRule;
  const leaf = leaves.read(field);
  if (!leaf) return raw(rule, 'field');
  const back = leaves.write(leaf);
  return back && serialized(back as FieldRule) === serialized(field) ? leaf : raw(rule, 'value');
}

/** Parses a rule from JSON text; undefined if it is not an object. */
export function parsed(text: string): Rule | undefined {
  try {
    const rule: unknown = JSON.parse(text);
    return typeof rule === 'object' && rule !== null && !Array.isArray(rule) ? (rule as Rule) : undefined;
  } catch {
    return undefined;
  }
}

/** The rule to save, without unfinished leaves and empty groups; an empty rule matches everyone. */
export function toRule<L extends LeafBase>(group: Group<L>, leaves: Leaves<L>): Rule {
  const convert = (node: Node<L>): Rule | undefined => {
    if (!isGroup(node)) return isJson(node) ? parsed(node.text) : leaves.write(node as L);
    const inner = toRule(node, leaves);
    return Object.keys(inner).length > 0 ? inner : undefined;
  };
  const rules = group.rules.map(convert).filter((rule) => rule !== undefined);
  if (rules.length === 0) return {};
  if (group.kind === 'none') return { not: { any: rules } };
  return group.kind === 'any' ? { any: rules } : { all: rules };
}

/** Whether every condition is finished, so that the rule says all that is shown. */
export const isComplete = <L extends LeafBase>(group: Group<L>, leaves: Leaves<L>): boolean =>
  group.rules.every((node) => (isGroup(node) ? isComplete(node, leaves) : (isJson(node) ? parsed(node.text) : leaves.write(node as L)) !== undefined));

/** The values that a rule compares with these fields for equality. */
export function comparedValues(rule: Rule, fields: string[]): string[] {
  const inner = (rules: unknown) => (rules as Rule[]).flatMap((other) => comparedValues(other, fields));
  if ('all' in rule) return inner(rule.all);
  if ('any' in rule) return inner(rule.any);
  if ('not' in rule) return inner([rule.not]);
  const { field = '', op = '', value } = rule as Partial<FieldRule>;
  if (!fields.includes(field) || !['eq', 'ne', 'in'].includes(op)) return [];
  return [...new Set((Array.isArray(value) ? value : [value]).map(String))];
}
