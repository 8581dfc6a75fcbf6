// Users and keys from the first invitation to the last removal, by clicks in the dashboard.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, visitor } from './browser.mjs';
import { startService, until } from './service.mjs';
import { totp } from './totp.mjs';

const OWNER = 'owner@shop.example';
const MEMBER = 'sara@shop.example';
const PASSWORD = 'a long enough password';
const MEMBER_PASSWORD = 'quite another password';

let service;
let browser;
let owner;
let member;
let secret;
let recovery;
let shop;

before(async () => {
  [service, browser] = await Promise.all([startService({ demo: false }), launch()]);
});
after(async () => {
  await browser?.close();
  await service?.stop();
});

const open = () => visitor(browser, { locale: 'en-GB' });
const at = (path) => `${service.base}/dashboard${path}`;
const button = (scope, name) => scope.getByRole('button', { name, exact: true });
const status = (page, path, init) => page.evaluate(async ([url, options]) => (await fetch(url, options)).status, [`/api/v1${path}`, init]);

async function choose(page, entry) {
  await button(page, 'Account menu').click();
  await page.locator('[popover]').getByText(entry, { exact: true }).click();
}

async function logIn(page, email, password) {
  await page.goto(at('/login'));
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await button(page, 'Log in').click();
}

const inside = (page) => button(page, 'Account menu').waitFor();

test('an owner adds sites and invites a member to one of them', async () => {
  owner = await open();
  await owner.goto(service.setupLink);
  await owner.getByLabel('Email').fill(OWNER);
  await owner.getByLabel('Password').fill('password123');
  await button(owner, 'Create account').click();
  await owner.getByRole('alert').getByText(/guessed|common/).waitFor();
  await owner.getByLabel('Password').fill(PASSWORD);
  await button(owner, 'Create account').click();
  await owner.getByRole('heading', { name: 'Add your first site' }).waitFor();
  const add = (name) =>
    owner.evaluate(async (body) => (await (await fetch('/api/v1/sites', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).json()).id,
      JSON.stringify({ name, origins: [`https://${name.toLowerCase()}.example`] }));
  shop = { tea: await add('Tea'), coffee: await add('Coffee') };
  await owner.goto(at('/'));
  await inside(owner);

  await choose(owner, 'Team');
  await button(owner, 'Invite').click();
  const dialog = owner.getByRole('dialog');
  await dialog.getByLabel('Email', { exact: true }).fill(MEMBER);
  await dialog.getByLabel('Marketer').check();
  await dialog.getByLabel('Only these sites').check();
  assert.equal(await button(dialog, 'Create invitation').isDisabled(), true, 'a member of no site cannot be invited');
  await dialog.getByLabel('Coffee').check();
  await button(dialog, 'Create invitation').click();
  await dialog.getByText('No email was sent').waitFor();
  const link = await dialog.locator('pre code').innerText();
  await button(dialog, 'Done').click();
  await owner.getByText('Pending invitations').waitFor();

  member = await open();
  await member.goto(link);
  await member.getByText('You are invited as Marketer').waitFor();
  assert.equal(await member.getByLabel('Email').inputValue(), MEMBER);
  await member.getByLabel('Choose a password').fill(MEMBER_PASSWORD);
  await button(member, 'Create account').click();
  await member.waitForURL(`**/sites/${shop.coffee}/overview**`);

  const late = await open();
  await late.goto(link);
  await late.getByText('no longer valid').waitFor();
  await late.context().close();
});

test('the member sees only their site and permitted actions', async () => {
  await inside(member);
  assert.deepEqual(await member.locator('header select option').allInnerTexts(), ['Coffee']);
  await button(member, 'Account menu').click();
  const entries = member.locator('[popover] li');
  assert.deepEqual((await entries.allInnerTexts()).map((text) => text.trim()), ['Account', 'Log out']);
  await member.keyboard.press('Escape');
  await member.locator('[popover]:has(li)').waitFor({ state: 'hidden' });
  for (const path of ['/team', '/audit-log', `/sites/${shop.tea}/overview`]) {
    await member.goto(at(path));
    await member.getByText('Page not found.').waitFor();
  }
  await member.goto(at(`/sites/${shop.coffee}/install`));
  await member.getByRole('heading', { name: 'Check a page' }).waitFor();
  assert.equal(await member.getByRole('heading', { name: 'API keys' }).count(), 0);
  assert.equal(await member.getByText('Danger zone').count(), 0);
  assert.equal(await status(member, '/users'), 403);
  assert.equal(await status(member, `/sites/${shop.tea}`), 404);
});

test('changed access applies at once', async () => {
  await owner.goto(at('/team'));
  await button(owner, `Edit ${MEMBER}`).click();
  const dialog = owner.getByRole('dialog');
  await dialog.getByLabel('Viewer').check();
  await dialog.getByLabel('Mask personal data').check();
  await button(dialog, 'Save access').click();
  await dialog.getByText('Saved.').waitFor();
  await member.goto(at(`/sites/${shop.coffee}/install`));
  await member.locator('main').getByRole('heading', { name: 'Settings', exact: true }).waitFor();
  assert.equal(await member.getByRole('heading', { name: 'Check a page' }).count(), 0);
  await choose(member, 'Account');
  await member.getByText('Personal data is masked for you.').waitFor();
  await owner.keyboard.press('Escape');
});

test('two-factor authentication is enabled and required at login', async () => {
  await member.goto(at('/account'));
  await button(member, 'Turn on two-factor authentication').click();
  const dialog = member.getByRole('dialog');
  await dialog.getByLabel('Password').fill('not the password');
  await button(dialog, 'Continue').click();
  await dialog.getByText('Wrong password.').waitFor();
  await dialog.getByLabel('Password').fill(MEMBER_PASSWORD);
  await button(dialog, 'Continue').click();
  await dialog.getByRole('img', { name: 'QR code for your authenticator app' }).waitFor();
  secret = await dialog.locator('pre code').innerText();
  // Persian digits are accepted.
  await dialog.getByLabel('Code from the app').fill([...totp(secret)].map((digit) => '۰۱۲۳۴۵۶۷۸۹'[digit]).join(''));
  await button(dialog, 'Turn on').click();
  await dialog.getByText('Each code logs you in once').waitFor();
  recovery = (await dialog.locator('pre code').innerText()).split('\n');
  assert.equal(recovery.length, 10);
  assert.equal(await button(dialog, 'Done').isDisabled(), true);
  await dialog.getByLabel('I have saved these codes').check();
  await button(dialog, 'Done').click();
  await member.getByText('10 recovery codes left').waitFor();

  await choose(member, 'Log out');
  await button(member, 'Log in').waitFor();
  await logIn(member, MEMBER, MEMBER_PASSWORD);
  await member.getByRole('heading', { name: 'Two-factor authentication' }).waitFor();
  await member.getByLabel('Code').fill('000000');
  await button(member, 'Log in').click();
  await member.getByRole('alert').waitFor();
  await member.getByLabel('Code').fill(totp(secret, 1));
  await button(member, 'Log in').click();
  await inside(member);
});

test('a recovery code logs in another browser, once', async () => {
  const phone = await open();
  await logIn(phone, MEMBER, MEMBER_PASSWORD);
  await button(phone, 'Use a recovery code').click();
  await phone.getByLabel('Recovery code').fill(recovery[0]);
  await button(phone, 'Log in').click();
  await inside(phone);
  await phone.goto(at('/account'));
  await phone.getByText('9 recovery codes left').waitFor();

  // Ends the other session.
  await button(phone, 'Log out all other devices').click();
  await button(phone.getByRole('dialog'), 'Log out all other devices').click();
  await phone.getByText('All other devices have been logged out.').waitFor();
  await until('one login to be left', async () => (await phone.getByText('This device').count()) === 1 && (await button(phone, 'Log out all other devices').count()) === 0);
  await member.reload();
  await button(member, 'Log in').waitFor();
  await member.context().close();
  member = phone;
});

test('a key is made, shown once, used and revoked', async () => {
  await owner.goto(at(`/sites/${shop.coffee}/install`));
  await button(owner, 'New key').click();
  const dialog = owner.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Spreadsheet');
  await dialog.getByLabel('Expires').selectOption({ label: 'in 30 days' });
  await button(dialog, 'Create key').click();
  await dialog.getByText('It is not shown again').waitFor();
  const key = await dialog.locator('pre code').innerText();
  await button(dialog, 'Done').click();
  const used = () => fetch(`${service.base}/api/v1/sites/${shop.coffee}`, { headers: { authorization: `Bearer ${key}` } }).then(({ status }) => status);
  assert.equal(await used(), 200);
  await owner.reload();
  await owner.getByText(/Last used .* · Until/).waitFor();
  assert.equal((await owner.content()).includes(key), false);
  await button(owner, 'Revoke Spreadsheet').click();
  await button(owner.getByRole('dialog'), 'Revoke').click();
  await owner.getByText('No API keys yet').waitFor();
  assert.equal(await used(), 401);
});

test('a removed member is logged out at once', async () => {
  await owner.goto(at('/team'));
  await button(owner, `Edit ${MEMBER}`).click();
  await button(owner.getByRole('dialog'), 'Remove from the team').click();
  const sure = owner.getByRole('dialog', { name: `Remove ${MEMBER}?` });
  await button(sure, 'Remove from the team').click();
  await owner.getByText('You are the only member').waitFor();
  await member.reload();
  await button(member, 'Log in').waitFor();
});

test('a site is deleted by its name', async () => {
  await owner.goto(at(`/sites/${shop.tea}/install`));
  await button(owner, 'Delete this site').click();
  const dialog = owner.getByRole('dialog');
  const sure = button(dialog, 'Delete this site');
  await dialog.getByLabel('Type the site name').fill('Coffee');
  assert.equal(await sure.isDisabled(), true);
  await dialog.getByLabel('Type the site name').fill('Tea');
  await sure.click();
  await owner.waitForURL(`**/sites/${shop.coffee}/overview**`);
  assert.equal(await status(owner, `/sites/${shop.tea}`), 404);
});

test('the audit log shows all changes in both languages', async () => {
  await choose(owner, 'Audit log');
  const log = owner.locator('.log');
  for (const action of ['Added a site', 'Invited a member', 'Accepted an invitation', 'Changed a member’s access', 'Turned on two-factor authentication',
    'Used a recovery code', 'Logged out other devices', 'Created an API key', 'Revoked an API key', 'Removed a member', 'Deleted a site']) {
    await log.getByText(action).first().waitFor();
  }
  await owner.locator('main').getByLabel('Site').selectOption({ label: 'Coffee' });
  await log.getByText('Removed a member').waitFor({ state: 'detached' });
  assert.equal(await log.getByText('Revoked an API key').count(), 1);
  await button(owner, 'فارسی').click();
  await log.getByText('لغو کلید API').waitFor();
  assert.equal(await owner.evaluate(() => document.documentElement.dir), 'rtl');
  assert.deepEqual(owner.errors, []);
});
