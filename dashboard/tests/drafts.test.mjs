// What is typed into the editors and what is saved: funnels, rules, merchandising, digits and amounts.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { modules } from './modules.mjs';

let digits;
let amount;
let tree;
let funnel;
let rules;
let offers;
let schedule;
let past;
let examples;
let csv;

before(async () => {
  [digits, amount, tree, funnel, rules, offers, schedule, csv, past, examples] = await modules(
    'i18n/digits.ts',
    'i18n/amount.ts',
    'parts/rule/tree.ts',
    'parts/funnel/draft.ts',
    'parts/catalogue/draft.ts',
    'parts/offer/rule.ts',
    'parts/offer/schedule.ts',
    'parts/csv.ts',
    'parts/rule/past.ts',
    'parts/segments/examples.ts',
  );
});

/** Without keys of rows and members that are undefined. */
const plain = (value) => JSON.parse(JSON.stringify(value, (name, inner) => (name === 'key' ? undefined : inner)));

describe('digits and amounts', () => {
  test('Persian and Arabic digits read as numbers, all else stays', () => {
    assert.equal(digits.latinDigits('۰۱۲۳۴۵۶۷۸۹ ٠١٢٣٤٥٦٧٨٩'), '0123456789 0123456789');
    assert.equal(Number(digits.latinDigits('۱۲٫۵')), 12.5);
    assert.equal(digits.latinDigits('a-1,5 ½ 五'), 'a-1,5 ½ 五');
  });

  test('a number that would be rounded stays text', () => {
    assert.equal(digits.toNumber(' ۱۲٫۵ '), 12.5);
    assert.equal(digits.toNumber('9007199254740991'), 9007199254740991);
    assert.equal(digits.toNumber('۹۰۰۷۱۹۹۲۵۴۷۴۰۹۹۳'), '9007199254740993');
    assert.equal(digits.toNumber('-12345678901234567890'), '-12345678901234567890');
    assert.equal(digits.toNumber('1234567890.12345678'), '1234567890.12345678');
    assert.equal(digits.toNumber('0.0001'), 0.0001);
    for (const text of ['', 'XL', '1,5']) assert.equal(digits.toNumber(text), undefined);
  });

  test('a list of amounts is cut between amounts, never inside one', () => {
    assert.deepEqual(amount.amounts('12.50, 9,999.99').length, 2);
    assert.deepEqual(amount.amounts('12.50'), ['12.50']);
    for (const text of amount.amounts('1, 2, 3')) assert.equal(typeof amount.toMinorUnits(text, 'EUR'), 'number');
  });
});

describe('a tree of rules', () => {
  // Leaves that know one field, and compare for equality.
  const leaves = {
    read: ({ field, op, value }) => (field === 'a' && op === 'eq' ? { key: 1, kind: 'field', value: String(value) } : undefined),
    write: ({ value }) => (value ? { field: 'a', op: 'eq', value } : undefined),
  };
  const a = (value) => ({ field: 'a', op: 'eq', value });
  const again = (rule) => tree.toRule(tree.toGroup(rule, leaves), leaves);

  test('what is read and written without an edit means the same', () => {
    for (const rule of [{}, { all: [a('1')] }, { any: [a('1'), { all: [a('2'), { not: { any: [a('3')] } }] }] }]) {
      assert.deepEqual(again(rule), rule);
    }
    assert.deepEqual(again(a('1')), { all: [a('1')] }, 'a single comparison is a group of one');
    assert.deepEqual(again({ not: a('1') }), { not: { any: [a('1')] } }, 'not one is none of one');
  });

  test('what cannot be shown stays JSON, with the reason', () => {
    const why = (rule) => tree.toGroup(rule, leaves).rules[0].why;
    assert.equal(why({ all: [{ field: 'b', op: 'eq', value: 1 }] }), 'field');
    assert.equal(why({ all: [a(1)] }), 'value', 'the number would become a text');
    assert.equal(why({ all: [{ any: [] }] }), 'shape');
    assert.equal(why({ all: [{ all: [a('1')], any: [a('2')] }] }), 'shape');
    for (const rule of [{ field: 'b', op: 'eq', value: 1 }, a(1), { any: [] }]) assert.deepEqual(again({ all: [rule] }), { all: [rule] });
  });

  test('unfinished leaves and empty groups are left out, and nothing left means everyone', () => {
    const group = tree.newGroup('any', [{ key: 1, kind: 'field', value: '' }, tree.newGroup('all')]);
    assert.deepEqual(tree.toRule(group, leaves), {});
    group.rules.push({ key: 2, kind: 'field', value: '1' }, { key: 3, kind: 'json', text: 'no JSON', why: 'shape' });
    assert.deepEqual(tree.toRule(group, leaves), { any: [a('1')] });
  });

  test('the values that fields are compared with for equality are found in all groups', () => {
    const nested = { not: { any: [a('2'), { field: 'a', op: 'in', value: ['3', '4'] }] } };
    const others = [{ field: 'b', op: 'eq', value: '5' }, { field: 'a', op: 'contains', value: '6' }];
    assert.deepEqual(tree.comparedValues({ all: [a('1'), nested, ...others] }, ['a']), ['1', '2', '3', '4']);
    assert.deepEqual(tree.comparedValues({}, ['a']), []);
  });

  test('only an object of JSON is a rule', () => {
    assert.deepEqual(tree.parsed('{"all":[]}'), { all: [] });
    for (const text of ['', 'null', '[]', '5', '"x"', '{']) assert.equal(tree.parsed(text), undefined);
  });
});

describe('a funnel', () => {
  const question = {
    steps: [{ event: 'page', where: [{ property: '$path', op: 'in', value: ['/a', '/b'] }] }, { event: 'Order Completed' }],
    order: 'sequential',
    window_ms: 3_600_000,
    exclude: [{ event: 'Refund' }],
    breakdown: '$device',
  };

  test('what is read and written without an edit is the same question', () => {
    assert.deepEqual(funnel.toQuery(funnel.toDraft('F', question)), question);
    const strict = { steps: question.steps, order: 'strict', window_ms: 60_000 };
    assert.deepEqual(funnel.toQuery(funnel.toDraft('F', strict)), strict);
    const passing = { ...strict, ignore: funnel.PASSIVE };
    assert.deepEqual(funnel.toQuery(funnel.toDraft('F', passing)), passing);
  });

  test('the window is shown in the largest unit that says it exactly', () => {
    const shown = (window_ms) => {
      const { windowCount, windowUnit } = funnel.toDraft('F', { ...question, window_ms });
      return [windowCount, windowUnit];
    };
    assert.deepEqual(shown(86_400_000), [1, 'day']);
    assert.deepEqual(shown(90_000_000), [25, 'hour']);
    assert.deepEqual(shown(5_400_000), [90, 'minute']);
  });

  test('what is unfinished is no question yet, or is left out of it', () => {
    const draft = funnel.firstDraft(undefined, 'F');
    assert.deepEqual(draft.steps.map(({ event }) => event), ['page', '']);
    assert.equal(funnel.toQuery(draft), undefined, 'one step');
    draft.steps[1].event = ' Signed Up ';
    draft.steps[1].where = [funnel.newCondition(), { ...funnel.newCondition(), property: 'plan', op: 'exists' }];
    draft.exclude = [funnel.newStep()];
    assert.deepEqual(funnel.toQuery(draft), {
      steps: [{ event: 'page' }, { event: 'Signed Up', where: [{ property: 'plan', op: 'exists' }] }],
      order: 'sequential',
      window_ms: 7 * 86_400_000,
    });
    for (const count of [0, null, 400]) {
      Object.assign(draft, { windowCount: count, windowUnit: 'day' });
      assert.equal(funnel.toQuery(draft), undefined, `a window of ${count} days`);
      assert.equal(funnel.namedSteps(draft).length, 2);
    }
  });

  test('the first draft has the events of a shop that were really sent', () => {
    const schema = (...counts) => ({ events: counts.map(([name, count]) => ({ name, count })) });
    const steps = (known) => funnel.firstDraft(known, 'F').steps.map(({ event }) => event);
    assert.deepEqual(steps(schema(['Order Completed', 3], ['Product Viewed', 9], ['Product Added', 0])), ['Product Viewed', 'Order Completed']);
    assert.deepEqual(steps(schema(['Product Viewed', 9])), ['page', '']);
  });

  test('numbers are numbers in properties, in any digits, and texts in columns', () => {
    const value = (property, op, text) => {
      const draft = funnel.toDraft('F', question);
      draft.steps[0].where = [{ ...funnel.newCondition(), property, op, value: text }];
      return funnel.toQuery(draft).steps[0].where[0].value;
    };
    assert.equal(value('price', 'gte', ' ۱۲٫۵ '), 12.5);
    assert.equal(value('order_id', 'eq', '9007199254740993'), '9007199254740993');
    assert.equal(value('$path', 'eq', '404'), '404');
    assert.equal(value('sku', 'starts_with', '12'), '12');
    assert.deepEqual(value('size', 'in', '38، 39,XL'), [38, 39, 'XL']);
  });

  test('a row is moved, and nothing happens to a row that is not there', () => {
    assert.deepEqual(funnel.moved(['a', 'b', 'c'], 2, 0), ['c', 'a', 'b']);
    assert.deepEqual(funnel.moved(['a', 'b'], 5, 0), ['a', 'b']);
  });
});

describe('merchandising rules', () => {
  const full = {
    only: { all: [{ field: 'category', op: 'eq', value: 'Tea' }] },
    exclude: { items: ['p-1', 'p-2'], categories: [], brands: ['Acme'] },
    pins: [{ item: 'p-3', position: 2 }],
    boosts: [{ when: { any: [{ field: 'tag', op: 'in', value: ['new', 'sale'] }] }, percent: 150 }],
    hide_bought: true,
    same_language: false,
    diversity: { by: 'brand', at_most: 2 },
    price_band: { from_percent: 50, to_percent: 200 },
    freshness: { lift_percent: 10, half_life_days: 7, max_age_days: 90 },
    fatigue: { shown_max: 5, rest_hours: 12 },
  };

  test('what is read and written without an edit is the same', () => {
    assert.deepEqual(plain(rules.toRules(rules.toDraft(full, 'EUR'), 'EUR')), full);
  });

  test('what was left empty is not said', () => {
    const nothing = { only: {}, exclude: { items: [], categories: [], brands: [] }, pins: [], boosts: [] };
    assert.deepEqual(plain(rules.toRules(rules.toDraft({}, 'EUR'), 'EUR')), nothing);
  });

  test('half a statement takes the other half from its default', () => {
    const draft = rules.toDraft({}, 'EUR');
    Object.assign(draft, { band_to: '۲۰۰', lift: '10', shown_max: '3', diversity_by: 'group' });
    const { price_band, freshness, fatigue, diversity } = plain(rules.toRules(draft, 'EUR'));
    assert.deepEqual(price_band, { from_percent: 0, to_percent: 200 });
    assert.deepEqual(freshness, { lift_percent: 10, half_life_days: 14 });
    assert.deepEqual([fatigue.rest_hours, diversity.at_most], [24, 1]);
  });
});

describe('the rule of an offer', () => {
  const saved = (leaf, currency = 'EUR') => offers.toRule(tree.newGroup('all', [{ ...offers.newLeaf(), ...leaf }]), currency).all?.[0];

  test('values are of the kind of their field', () => {
    assert.deepEqual(saved({ field: 'visits', op: 'gte', value: '۳' }), { field: 'visits', op: 'gte', value: 3 });
    assert.deepEqual(saved({ field: 'cart_value_minor', op: 'gt', value: '12.50' }), { field: 'cart_value_minor', op: 'gt', value: 1250 });
    assert.deepEqual(saved({ field: 'new_visitor', value: 'false' }), { field: 'new_visitor', op: 'eq', value: false });
    assert.deepEqual(saved({ field: 'trait', trait: 'plan', value: 'gold' }), { field: 'trait.plan', op: 'eq', value: 'gold' });
    assert.deepEqual(saved({ field: 'country', op: 'in', value: 'DE, ،IR' }), { field: 'country', op: 'in', value: ['DE', 'IR'] });
  });

  test('what is no value of that kind is not saved', () => {
    for (const leaf of [
      { field: 'visits', op: 'gte', value: 'many' },
      { field: 'cart_value_minor', op: 'gt', value: '12.505' },
      { field: 'trait', trait: ' ', value: 'gold' },
      { field: 'country', value: ' ' },
    ]) {
      assert.equal(saved(leaf), undefined);
    }
  });
});

describe('past events and segments in a rule', () => {
  const again = (rule) => offers.toRule(offers.toGroup(rule, 'EUR'), 'EUR');
  const kinds = (rule) => offers.toGroup(rule, 'EUR').rules.map((node) => node.kind);
  const bought = { event: 'Order Completed', where: [{ property: 'category', op: 'eq', value: 'Coffee' }], within_days: 90, count: { op: 'gte', value: 3 } };

  test('what the form shows is saved as it was', () => {
    for (const rule of [
      bought,
      { event: 'page' },
      { not: bought },
      { event: 'Order Completed', sum: { property: 'revenue', op: 'lt', value: 99.5 } },
      { event: 'page', where: [{ property: '$path', op: 'not_in', value: ['/a', '/b'] }, { property: 'plan', op: 'not_exists' }] },
      { segment: 'coffee' },
      { not: { segment: 'builtin-loyal' } },
    ]) {
      assert.deepEqual(again({ all: [rule] }), { all: [rule] });
      assert.ok(!kinds({ all: [rule] }).includes('json'), JSON.stringify(rule));
    }
    assert.deepEqual(again(bought), { all: [bought] });
    assert.deepEqual(kinds({ all: [{ event: 'page', where: [], within_days: null }] }), ['event'], 'members that say nothing');
  });

  test('what the form does not show stays JSON, unchanged', () => {
    for (const rule of [
      { ...bought, not_followed_by: { event: 'Refund' } },
      { sequence: [{ event: 'a' }, { event: 'b' }], within_hours: 2 },
      { event: 'a', count: { op: 'in', value: [1, 2] } },
      { event: 'a', where: [{ property: 'size', op: 'eq', value: '38' }] },
    ]) {
      assert.deepEqual(again({ all: [rule] }), { all: [rule] });
      assert.equal(offers.toGroup({ all: [rule] }, 'EUR').rules[0].why, 'past');
    }
  });

  test('an unfinished condition is no rule, rather than a wider one', () => {
    const written = (start) => past.writeEvent(past.newEvent({ event: 'a', ...start }));
    assert.deepEqual(written({ days: '۷' }), { event: 'a', within_days: 7 });
    assert.deepEqual(written({ days: '', did: false }), { not: { event: 'a' } });
    const blank = { key: 1, property: 'size', op: 'eq', value: ' ' };
    for (const start of [{ event: ' ' }, { days: 'x' }, { days: '0' }, { where: [blank] }, { measure: 'count', value: '' }, { measure: 'sum', property: '' }]) {
      assert.equal(written(start), undefined, JSON.stringify(start));
    }
    const group = (leaf) => tree.newGroup('all', [tree.newGroup('any', [leaf])]);
    assert.equal(offers.isComplete(group(past.newEvent()), 'EUR'), false);
    assert.equal(offers.isComplete(group(past.newEvent({ event: 'a' })), 'EUR'), true);
    assert.equal(offers.isComplete(group(past.newSegmentLeaf()), 'EUR'), false);
  });

  test('examples are complete but for what only the site knows', () => {
    const complete = examples.EXAMPLES.map((name) => offers.isComplete(examples.exampleRule(name, 'IRT'), 'IRT'));
    assert.deepEqual(complete, [true, true, false]);
    assert.deepEqual(offers.toRule(examples.exampleRule('cart', 'EUR'), 'EUR'), {
      all: [{ event: 'Product Added', within_days: 7 }, { not: { event: 'Order Completed', within_days: 7 } }],
    });
  });
});

describe('the schedule of an offer', () => {
  test('times are those of the site, also where clocks change', () => {
    assert.equal(schedule.toLocal('2026-11-30T20:30:00Z', 'Asia/Tehran'), '2026-12-01T00:00');
    assert.equal(schedule.fromLocal('2026-12-01T00:00', 'Asia/Tehran'), '2026-11-30T20:30:00.000Z');
    assert.equal(schedule.fromLocal('2026-03-29T12:00', 'Europe/Berlin'), '2026-03-29T10:00:00.000Z');
    assert.equal(schedule.toLocal('2026-03-28T11:00:00Z', 'Europe/Berlin'), '2026-03-28T12:00');
    assert.deepEqual([schedule.toLocal(null, 'UTC'), schedule.fromLocal('', 'UTC')], ['', null]);
  });
});

describe('CSV of the page', () => {
  test('text is quoted and never becomes a formula', async () => {
    const rows = [['a', 'b'], ['say "hi"', 1.5], ['=1+1', null], [' @x', -3]];
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await csv.csv(rows).arrayBuffer());
    assert.equal(text, '\ufeff"a","b"\r\n"say ""hi""",1.5\r\n"\'=1+1",""\r\n"\' @x",-3\r\n');
  });
});
