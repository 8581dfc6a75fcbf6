import { IntlMessageFormat } from 'intl-messageformat';
import { type Language, preferences } from '../state/preferences.svelte';
import type { Key, Messages } from './en';

export type { Key };
type Values = Record<string, string | number>;

/** A language is loaded when it is first shown; formatted messages are parsed once. */
const loaders: Record<Language, () => Promise<Messages>> = {
  en: async () => (await import('./en')).en,
  fa: async () => (await import('./fa')).fa,
};

const parsed = new Map<string, IntlMessageFormat>();
let shown = $state.raw<{ language: Language; messages: Messages } | undefined>();

export async function showLanguage(language: Language): Promise<void> {
  const messages = await loaders[language]();
  shown = { language, messages };
  preferences.setLanguage(language);
}

/** The text of a key in the language being shown. */
export function t(key: Key, values?: Values): string {
  if (!shown) return '';
  const text = shown.messages[key];
  if (!values && !text.includes('{')) return text;
  const id = `${shown.language}/${key}`;
  let message = parsed.get(id);
  if (!message) {
    message = new IntlMessageFormat(text, preferences.locale, undefined, { ignoreTag: true });
    parsed.set(id, message);
  }
  return String(message.format(values));
}

/** The text for a value the server or the site chose, such as a channel; a value unknown to us is shown as it is. */
export function named(group: 'channel' | 'device' | 'event' | 'property' | 'reason' | 'noticed' | 'model', value: string): string {
  const key = `${group}.${value}`;
  if (shown && Object.hasOwn(shown.messages, key)) return shown.messages[key as Key];
  return group === 'reason' || group === 'noticed' ? value.replaceAll('_', ' ') : value;
}
