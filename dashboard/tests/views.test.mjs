// What a view keeps in the address, what is read back from one that anybody may have written, and the drafts of reports.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { modules } from './modules.mjs';

let url;
let filterDraft;
let funnel;
let reader;
let segmentRule;
let drafts;
let graph;
let retention;
let guide;
let direction;
let world;

before(async () => {
  [url, filterDraft, funnel, reader, segmentRule, drafts, graph, retention, guide, direction, world] = await modules(
    'state/filter-url.ts',
    'parts/filters/draft.ts',
    'parts/funnel/draft.ts',
    'parts/funnel/read-question.ts',
    'parts/funnel/segment-rule.ts',
    'parts/report/drafts.ts',
    'parts/report/path-graph.ts',
    'parts/report/retention.ts',
    'parts/guide/steps.ts',
    'i18n/direction.ts',
    'parts/report/world.ts',
  );
});

/** Through the address and back. */
const reread = (filters) => url.readFilters(new URLSearchParams(`filters=${encodeURIComponent(url.writeFilters(filters))}`).get('filters'));

describe('filters in the address', () => {
  const FILTERS = [
    { property: '$country', op: 'in', value: ['DE', 'IR'] },
    { property: 'price', op: 'gt', value: 12.5 },
    { property: '$campaign', op: 'not_exists' },
    { property: 'title', op: 'contains', value: 'نوروز & "۱۴۰۵" #?=%' },
    { event: 'page', where: [{ property: '$path', op: 'eq', value: '/a' }] },
    { event: 'Order Completed' },
    { segment: 'builtin-new' },
    { segment: 'vip', op: 'not_in' },
  ];

  test('they come back as they were, also through the editor', () => {
    assert.deepEqual(reread(FILTERS), FILTERS);
    for (const filter of FILTERS) assert.deepEqual(filterDraft.toFilter(filterDraft.toDraft(filter)), filter);
    assert.equal(url.writeFilters([]), undefined);
  });

  test('what is no filter is left out, and there are at most twenty', () => {
    const bad = [null, 1, 'x', [], {}, { property: '$country' }, { property: '$country', op: 'like', value: 'x' }, { property: 'x', op: 'in', value: [] }, { property: 'x', op: 'eq', value: { a: 1 } }, { property: 'x', op: 'gt', value: null },
      { event: '' }, { event: 'page', where: 'x' }, { event: 'page', where: [{ property: 'a', op: 'eq' }] }, { segment: 7 }, { segment: '' }, { property: 'x'.repeat(501), op: 'exists' }];
    assert.deepEqual(url.readFilters(JSON.stringify([...bad, FILTERS[0]])), [FILTERS[0]]);
    for (const text of [null, '', '{', '{}', '7', 'null']) assert.deepEqual(url.readFilters(text), []);
    assert.equal(url.readFilters(JSON.stringify(Array.from({ length: 30 }, (_, n) => ({ segment: `s${n}` })))).length, 20);
  });

  test('an incomplete filter is none', () => {
    assert.equal(filterDraft.toFilter(filterDraft.toDraft(undefined)), undefined);
    const half = filterDraft.toDraft({ event: 'page', where: [{ property: '$path', op: 'eq', value: '/a' }] });
    half.step.where[0].value = ' ';
    assert.equal(filterDraft.toFilter(half), undefined);
  });

  test('comparisons are read as they are written', () => {
    for (const compared of [{ with: 'none' }, { with: 'previous' }, { with: 'year' }, { with: 'days', from: '2026-01-01', to: '2026-01-31' }, { with: 'segment', segment: 'a:b' }])
      assert.deepEqual(url.readComparison(url.writeComparison(compared)), compared);
    for (const text of [null, '', 'x', '2026-02-01..2026-01-01', '2026-1-1..2026-2-2', 'segment:']) assert.equal(url.readComparison(text), undefined);
  });
});

describe('a funnel with all that it can have', () => {
  const FULL = {
    steps: [
      { event: 'page', where: [{ property: '$path', op: 'starts_with', value: '/c/' }] },
      { any: [{ event: 'Product Viewed' }, { event: 'Products Searched' }], optional: true },
      { event: 'Product Added' },
      { event: 'Order Completed' },
    ],
    order: 'sequential',
    window_ms: 3_600_000,
    per_session: true,
    exclude: [{ event: 'Error Occurred', from_step: 1, to_step: 3, effect: 'remove' }, { event: 'Form Abandoned' }],
    breakdown: '$device',
    breakdown_at: 3,
    trend: 'week',
  };

  test('it survives the editor and the address', () => {
    assert.deepEqual(funnel.toQuery(funnel.toDraft('f', FULL)), FULL);
    assert.deepEqual(reader.readQuestion(JSON.parse(JSON.stringify(FULL))), FULL);
  });

  test('bounds on steps that were removed are dropped, and segments have no attribution', () => {
    const draft = funnel.toDraft('f', { ...FULL, breakdown: '$segment' });
    draft.steps = draft.steps.slice(0, 2);
    const query = funnel.toQuery(draft);
    assert.deepEqual(query.exclude[0], { event: 'Error Occurred', from_step: 1, effect: 'remove' });
    assert.equal(query.breakdown_at, undefined);
  });

  test('an address that is no funnel is none', () => {
    for (const raw of [undefined, null, [], {}, { steps: [] }, { steps: [{ event: 'a' }], window_ms: 1 }, { steps: [{ event: 'a' }, { any: [] }], window_ms: 1 }, { steps: [{ event: 'a' }, { event: 'b' }] }, { ...FULL, window_ms: -1 }])
      assert.equal(reader.readQuestion(raw), undefined);
  });

  test('its people become a rule that says what it can', () => {
    const now = Date.parse('2026-12-01T00:00:00Z');
    const simple = { from: '2026-11-01T00:00:00Z', steps: ['a', 'b', 'c'].map((event) => ({ event })), order: 'sequential', window_ms: 7_200_000 };
    const rule = (question, reached, converted) => segmentRule.peopleRule(question, reached, converted, now);
    assert.deepEqual(rule(simple, 3, true), { rule: { sequence: [{ event: 'a' }, { event: 'b' }, { event: 'c' }], within_hours: 2, within_days: 30 }, near: ['period'] });
    assert.deepEqual(rule(simple, 1, false).rule, { event: 'a', within_days: 30, not_followed_by: { event: 'b', within_hours: 2 } });
    assert.deepEqual(rule(simple, 2, false).rule, { sequence: [{ event: 'a' }, { event: 'b' }], within_hours: 2, within_days: 30, not_followed_by: { event: 'c', within_hours: 2 } });
    const several = { ...simple, steps: [{ event: 'a' }, { any: [{ event: 'b' }, { event: 'd' }] }, { event: 'c' }] };
    assert.deepEqual(rule(several, 2, false), {
      rule: { all: [{ event: 'a', within_days: 30 }, { any: [{ event: 'b', within_days: 30 }, { event: 'd', within_days: 30 }] }, { not: { event: 'c', within_days: 30 } }] },
      near: ['period', 'order'],
    });
  });
});

describe('the other reports', () => {
  test('their questions come back from the address, and nonsense is the default', () => {
    const step = { event: 'page', where: [{ property: '$path', op: 'eq', value: '/' }] };
    const cases = [
      [drafts.readRetention, drafts.writeRetention, { interval: 'month', first: step, return: { event: 'b' }, periods: 12 }],
      [drafts.readPaths, drafts.writePaths, { to_step: step, steps: 7, nodes: 12 }],
      [drafts.readPaths, drafts.writePaths, { steps: 5, nodes: 8 }],
      [drafts.readAttribution, drafts.writeAttribution, { conversion: step, window_days: 90, dimension: 'campaign' }],
      [drafts.readEvents, drafts.writeEvents, { event: 'a', property: '$country' }],
    ];
    for (const [read, write, question] of cases) {
      assert.deepEqual(write(read(question)), question);
      for (const raw of [null, 7, 'x', [], { first: 7, from_step: {}, steps: 1e9, nodes: -1, periods: 0, window_days: 1.5, dimension: {}, event: {} }]) assert.deepEqual(write(read(raw)), write(read(undefined)));
    }
  });

  test('columns of paths run from the start, backwards from the end', () => {
    const links = [{ step: 1, source: 'a', target: 'b', people: 3 }, { step: 2, source: 'b', target: 'a', people: 2 }];
    const columns = (found) => Object.fromEntries(found.nodes.map(({ id, people }) => [id, people]));
    const forward = graph.graphOf({ links, ends: [{ step: 2, node: 'b', people: 1 }] }, false);
    assert.deepEqual(columns(forward), { '0/a': 3, '1/b': 3, '2/a': 2 });
    assert.equal(forward.nodes.find(({ id }) => id === '1/b').ended, 1);
    // To a point: step 1 is the last link.
    assert.deepEqual(columns(graph.graphOf({ links: [{ step: 1, source: 'b', target: 'c', people: 3 }, { step: 2, source: 'a', target: 'b', people: 2 }], ends: [] }, true)), { '1/b': 3, '2/c': 3, '0/a': 2 });
  });

  test('the retention curve weighs only cohorts for which an interval is over', () => {
    const cohorts = [{ start: '', people: 100, returned: [50, 20] }, { start: '', people: 300, returned: [60, null] }];
    assert.deepEqual(retention.retentionCurve(cohorts), [110 / 400, 0.2]);
    assert.deepEqual(retention.retentionCurve([{ start: '', people: 5, returned: [null] }]), [null]);
  });
});

describe('first steps', () => {
  const done = (possessions) => guide.stepsOf(possessions).filter((step) => step.done).map((step) => step.step);
  const EMPTY = { events: [], goals: [], funnels: [], segments: [{ builtin: true }], offers: [] };

  test('a new site has done none, and segments that every site has do not count', () => {
    assert.deepEqual(guide.stepsOf(EMPTY).map((step) => step.step), [...guide.STEPS]);
    assert.deepEqual(done(EMPTY), []);
  });

  test('events of a server are a first event without the script', () => {
    assert.deepEqual(done({ ...EMPTY, events: [{ name: 'Order Completed' }] }), ['event']);
    assert.deepEqual(done({ ...EMPTY, events: [{ name: 'page' }] }), ['script', 'event']);
  });

  test('each thing that was made is a step, and what could not be read is left out', () => {
    assert.deepEqual(done({ ...EMPTY, goals: [1], funnels: [1], segments: [{ builtin: true }, { builtin: false }], offers: [1] }), ['goal', 'funnel', 'segment', 'offer']);
    assert.deepEqual(guide.stepsOf({ events: [], offers: [1] }), [{ step: 'script', done: false }, { step: 'event', done: false }, { step: 'offer', done: true }]);
  });

  test('they are read from the answers of the server, of which some may fail', async () => {
    const answer = (value) => () => Promise.resolve(value);
    const api = { schema: answer({ events: [{ name: 'page' }] }), goals: () => Promise.reject(new Error('no')), funnels: answer([1]), segments: answer([]), offers: answer([]) };
    assert.deepEqual((await guide.readSteps(api)).filter((step) => step.done).map((step) => step.step), ['script', 'event', 'funnel']);
    const none = Object.fromEntries(Object.keys(api).map((name) => [name, () => Promise.reject(new Error('no'))]));
    await assert.rejects(guide.readSteps(none), /no/);
  });
});

test('the direction of a text is that of its first letter', () => {
  assert.equal(direction.directionOf('Demo shop'), 'ltr');
  assert.equal(direction.directionOf('۱۲ فروشگاه Demo'), 'rtl');
  assert.equal(direction.directionOf('12 · 34'), undefined);
});

describe('the map', () => {
  const points = (path) => path.match(/[\d.-]+,[\d.-]+/g).map((pair) => pair.split(',').map(Number));

  test('arcs are joined in both directions', () => {
    const topology = { transform: { scale: [1, 1], translate: [0, 0] }, arcs: [[[0, 0], [10, 0]], [[0, 0], [0, 10], [10, -10]]], objects: { countries: { geometries: [{ type: 'Polygon', id: '364', arcs: [[1, -1]] }] } } };
    const [iran] = world.outlines(topology);
    assert.equal(iran.country, 'IR');
    const near = (degrees) => world.project(...degrees).map((part) => Number(part.toFixed(1)));
    assert.deepEqual(points(iran.path), [[0, 0], [0, 10], [10, 0], [0, 0]].map(near));
  });

  test('a country on both sides of the 180th meridian has a part at each edge', () => {
    const topology = { transform: { scale: [1, 1], translate: [0, 0] }, arcs: [[[170, 0], [-340, 0], [0, 10], [340, 0], [0, -10]]], objects: { countries: { geometries: [{ type: 'Polygon', id: '643', arcs: [[0]] }] } } };
    const parts = world.outlines(topology)[0].path.split('Z').filter(Boolean).map(points);
    assert.equal(parts.length, 2);
    const [east, west] = parts.map((part) => part.map(([x]) => x));
    assert.ok(Math.min(...east) > world.WIDTH * 0.9 && Math.max(...west) < world.WIDTH * 0.1);
  });

  test('every country of the atlas has a code of its own and lies on the map', () => {
    const atlas = createRequire(import.meta.url)('world-atlas/countries-110m.json');
    const found = world.outlines(atlas);
    const codes = found.map(({ country }) => country).filter(Boolean);
    assert.equal(new Set(codes).size, codes.length);
    // Two regions have no code.
    assert.equal(found.length - codes.length, 2);
    for (const { path } of found) for (const [x, y] of points(path)) assert.ok(x >= 0 && x <= world.WIDTH && y >= 0 && y <= world.HEIGHT, `${x},${y}`);
    // None has a line across the map.
    for (const { country, path } of found) for (const part of path.split('Z').filter(Boolean).map(points)) assert.ok(part.every(([x], at) => Math.abs(x - part.at(at - 1)[0]) < world.WIDTH / 8), country);
    // Tehran lies in Iran's bounds.
    const [x, y] = world.project(51.4, 35.7);
    const iran = points(found.find(({ country }) => country === 'IR').path);
    assert.ok(Math.min(...iran.map((at) => at[0])) < x && x < Math.max(...iran.map((at) => at[0])) && Math.min(...iran.map((at) => at[1])) < y && y < Math.max(...iran.map((at) => at[1])));
  });
});
