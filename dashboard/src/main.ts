import '@fontsource-variable/vazirmatn/wght.css';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { showLanguage } from './i18n/index.svelte';
import { account } from './state/account.svelte';
import { preferences } from './state/preferences.svelte';

const started = account.start();
await showLanguage(preferences.language);
await started;
mount(App, { target: document.getElementById('app')! });
