// What is sent when a person is looked for, and how webhooks name what they are called for.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { modules } from './modules.mjs';

let sha;
let search;
let names;

before(async () => {
  [sha, search, names] = await modules('parts/people/sha256.ts', 'parts/people/search.ts', 'parts/webhooks/names.ts');
});

const reference = (text) => createHash('sha256').update(text).digest('hex');

describe('SHA-256', () => {
  test('it is that of Node.js for texts of every length around a block, and of other scripts', () => {
    for (let length = 0; length < 200; length += 1) assert.equal(sha.sha256('a'.repeat(length)), reference('a'.repeat(length)));
    for (const text of ['آشنا', 'ß🙂', 'x'.repeat(10_000)]) assert.equal(sha.sha256(text), reference(text));
  });
});

describe('a search for a person', () => {
  test('e-mail addresses and phone numbers are hashed as the server hashes them', () => {
    assert.equal(search.searchText(' Ada@Shop.Example ', 'auto'), reference('ada@shop.example'));
    for (const text of ['+98 (912) 123-45 67', '0098 912 1234567', '۰۰۹۸۹۱۲۱۲۳۴۵۶۷']) {
      assert.equal(search.searchText(text, 'auto'), reference('+989121234567'), text);
    }
    assert.equal(search.searchText('09121234567', 'auto'), reference('09121234567'));
    assert.equal(search.searchText('989121234567', 'phone'), reference('989121234567'));
  });

  test('what is clearly neither is sent as it is, and a choice counts before a guess', () => {
    for (const text of ['u-1', '12345', '1000042', 'ada@', 'a b@c.d', '0b6f7d0e9c1f4a5db3a2c1d0e9f8a7b6']) {
      assert.equal(search.searchText(text, 'auto'), text);
    }
    assert.equal(search.searchText(' ada@shop.example ', 'id'), 'ada@shop.example');
    assert.equal(search.searchText('09121234567', 'id'), '09121234567');
    for (const kind of search.SEARCH_KINDS) assert.equal(search.searchText('  ', kind), '');
  });
});

describe('names of a webhook', () => {
  test('they are read and written the same', () => {
    for (const name of ['event:Order Completed', 'event:a:b', 'segment.entered:loyal', 'segment.left:a-b']) {
      assert.equal(names.nameOf(names.parsed(name)), name);
    }
    for (const name of ['test', 'event:', 'offer.seen:x', ':x']) assert.equal(names.parsed(name), undefined, name);
    assert.deepEqual(names.withName(['event:a'], 'event:a'), ['event:a']);
  });

  test('why an address is refused is known by the message of the server', () => {
    assert.equal(names.problemOf('10.0.0.1 is or resolves to an address inside a private network; webhooks.inside_networks of the configuration may allow it'), 'private');
    assert.equal(names.problemOf('the name x.example cannot be resolved'), 'unresolved');
    assert.equal(names.problemOf('it answers with status 500'), 'status');
    assert.equal(names.problemOf('it redirects, which is not followed'), 'redirect');
    assert.equal(names.problemOf('the answer is too long'), 'other');
  });
});
