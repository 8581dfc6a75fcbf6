import type { Paths } from '../../api/insights';

/** Everything beyond the most frequent names of a step. */
export const OTHER = '$other';
export type Node = { id: string; name: string; column: number; people: number; ended: number };
export type Link = { from: string; to: string; people: number };
export type Graph = { nodes: Node[]; links: Link[]; columns: number };

/**
 * Nodes and links in columns, the first at the start of the page. Step 1 of a path to a point is its last link, so its
 * columns are numbered from the end.
 */
export function graphOf({ links, ends }: Pick<Paths, 'links' | 'ends'>, backwards: boolean): Graph {
  const steps = links.reduce((most, link) => Math.max(most, link.step), 0);
  const column = (step: number) => (backwards ? steps - step : step - 1);
  const id = (place: number, name: string) => `${place}/${name}`;
  const nodes = new Map<string, Node & { incoming: number; outgoing: number }>();
  const node = (place: number, name: string) => {
    const key = id(place, name);
    const known = nodes.get(key) ?? { id: key, name, column: place, people: 0, ended: 0, incoming: 0, outgoing: 0 };
    nodes.set(key, known);
    return known;
  };
  for (const { step, source, target, people } of links) {
    node(column(step), source).outgoing += people;
    node(column(step) + 1, target).incoming += people;
  }
  for (const { step, node: name, people } of ends) {
    const known = nodes.get(id(backwards ? steps - step + 1 : step - 1, name));
    if (known) known.ended += people;
  }
  return {
    columns: steps + 1,
    nodes: [...nodes.values()].map(({ incoming, outgoing, ...rest }) => ({ ...rest, people: Math.max(incoming, outgoing + (backwards ? 0 : rest.ended)) })),
    links: links.map(({ step, source, target, people }) => ({ from: id(column(step), source), to: id(column(step) + 1, target), people })),
  };
}
