import '@fontsource-variable/vazirmatn/wght.css';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { showLanguage, withTexts } from './i18n/index.svelte';
import { account } from './state/account.svelte';
import { preferences } from './state/preferences.svelte';

const target = document.getElementById('app')!;
// A shared report is read without an account, so nothing else is loaded for it.
const [, token] = /^(?:\/dashboard)?\/shared\/([^/]+)\/?$/.exec(location.pathname) ?? [];
if (token) {
  await showLanguage(preferences.language);
  const { default: Shared } = await withTexts('insights', import('./pages/Shared.svelte'));
  mount(Shared, { target, props: { token: decodeURIComponent(token) } });
} else {
  const started = account.start();
  await showLanguage(preferences.language);
  await started;
  mount(App, { target });
}
