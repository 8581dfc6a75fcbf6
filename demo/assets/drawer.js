// "What Ashna knows": a drawer that shows this tab's decisions, each with its
// reason, and the events that led to them.
import { h } from './dom.js';
import { log } from './events.js';

const LETTER = '/demo/?utm_source=letter&utm_medium=email&utm_campaign=autumn-letter';

const REASONS = {
  offer: 'a rule of the shop’s owner fits you',
  experiment: 'you are part of an experiment',
  recommendation: 'worked out from what you and others looked at',
  fallback: 'too little is known yet, so this is what most people like',
  control: 'you are in the comparison group that is shown the default',
};

const decisions = [];
let titles = new Map();
let button;
let panel;

export function startDrawer(items) {
  titles = new Map(items.map((item) => [item.id, item.title]));
  panel = h('section', { class: 'drawer', id: 'drawer', hidden: true, 'aria-label': 'What Ashna knows' });
  button = h('button', {
    class: 'drawer-button', type: 'button', 'aria-expanded': 'false', 'aria-controls': 'drawer', 'aria-label': 'What Ashna knows', onclick: toggle,
  }, h('span', { class: 'drawer-dot' }), h('span', {}, h('span', { class: 'drawer-word' }, 'What '), 'Ashna', h('span', { class: 'drawer-word' }, ' knows')));
  document.body.append(button, panel);
  for (const detail of window.hojrehDecisions ?? []) take(detail);
  document.addEventListener('ashna:decision', (event) => { take(event.detail); refresh(); }, true);
  addEventListener('shop:event', refresh);
  addEventListener('keydown', (event) => { if (event.key === 'Escape' && !panel.hidden) toggle(); });
}

function take(detail) {
  if (typeof detail?.slot !== 'string') return;
  decisions.unshift(detail);
  decisions.length = Math.min(decisions.length, 12);
  button.classList.add('drawer-news');
}

function toggle() {
  panel.hidden = !panel.hidden;
  button.setAttribute('aria-expanded', String(!panel.hidden));
  button.classList.remove('drawer-news');
  refresh();
  if (!panel.hidden) panel.querySelector('button').focus();
  else button.focus();
}

function refresh() {
  if (panel.hidden) return;
  const events = log();
  panel.replaceChildren(
    h('header', { class: 'drawer-head' }, h('h2', {}, 'What Ashna knows'),
      h('button', { class: 'quiet', type: 'button', onclick: toggle, 'aria-label': 'Close' }, 'Close')),
    h('h3', {}, 'Decided for this page'),
    decisions.length > 0
      ? h('ul', { class: 'drawer-list' }, decisions.map(decisionLine))
      : h('p', { class: 'small' }, 'No slot on this page has been decided; you see the page’s own defaults.'),
    ...tasteLines(events),
    h('h3', {}, 'Told by this tab'),
    events.length > 0
      ? h('ol', { class: 'drawer-list' }, events.slice(0, 12).map(eventLine))
      : h('p', { class: 'small' }, 'Nothing yet. Look at a few things, then come back to the home page.'),
    h('p', { class: 'drawer-try' }, h('a', { href: LETTER }, 'Arrive as a reader of the newsletter'), ' or ',
      h('a', { href: '/dashboard/' }, 'watch it in the dashboard')));
}

function decisionLine({ slot, state, decision, late }) {
  const items = Array.isArray(decision?.items) ? decision.items : [];
  const shown = items.slice(0, 3).map((item) => titles.get(item?.id)).filter(Boolean).join(', ');
  const what = decision?.content?.title || shown || 'the page’s default';
  const why = state === 'filled'
    ? (REASONS[decision?.reason] ?? 'decided by Ashna')
    : late ? 'the answer came after the deadline, so the default stayed' : 'nothing fitted, so the default stayed';
  return h('li', {},
    h('p', { class: 'drawer-line' }, h('code', {}, slot), h('span', { class: 'badge' }, state === 'filled' ? decision?.reason ?? 'filled' : 'default')),
    h('p', {}, h('strong', {}, String(what)), decision?.offer ? ` (${decision.offer})` : ''),
    shown && shown !== what ? h('p', { class: 'small' }, `${shown}${items.length > 3 ? '…' : ''}`) : null,
    h('p', { class: 'small' }, `Why: ${why}.`));
}

/** Which categories the visitor's own clicks speak for, as bars. */
function tasteLines(events) {
  const counts = new Map();
  for (const { name, category } of events) {
    if (typeof category === 'string' && /^Product (Viewed|Added)$/.test(name)) counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const most = Math.max(...counts.values());
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  return [h('h3', {}, 'What your clicks speak for'),
    h('ul', { class: 'drawer-tastes' }, sorted.map(([category, count]) =>
      h('li', {}, h('span', {}, category), h('meter', { min: 0, max: most, value: count, 'aria-label': category }), h('span', {}, count))))];
}

function eventLine({ name, about, at }) {
  const time = new Date(at).toLocaleTimeString('en-GB');
  return h('li', { class: 'drawer-event' }, h('time', {}, time), h('span', {}, h('strong', {}, name), about ? ` ${about}` : ''));
}
