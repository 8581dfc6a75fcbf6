// Search over titles, makers, descriptions and tags.
import { grid } from '../cards.js';
import { search as matches, tagged } from '../catalogue.js';
import { h } from '../dom.js';
import { track } from '../events.js';

const QUERY_MAX = 80;

export function search({ query }) {
  const asked = (query.get('q') ?? '').trim().slice(0, QUERY_MAX);
  document.getElementById('q').value = asked;
  if (!asked) {
    return { title: 'Search', nodes: [h('h1', {}, 'What are you looking for?'), grid(tagged('gift').slice(0, 8))] };
  }
  const found = matches(asked);
  track('Products Searched', { query: asked, results: found.length });
  return {
    title: `Search: ${asked}`,
    nodes: found.length > 0
      ? [h('h1', {}, `${found.length} ${found.length === 1 ? 'thing' : 'things'} for “${asked}”`), grid(found)]
      : [h('h1', {}, `Nothing for “${asked}”`),
        h('p', { class: 'lead' }, 'Perhaps one of these instead.'), grid(tagged('best-seller').slice(0, 8))],
  };
}
