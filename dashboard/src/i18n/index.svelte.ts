import { IntlMessageFormat } from 'intl-messageformat';
import { type Language, preferences } from '../state/preferences.svelte';
import type { BaseKey, Messages } from './en';
import type { insights } from './en/insights';
import type { people } from './en/people';

export type Key = BaseKey | keyof typeof people | keyof typeof insights;
/** Texts loaded together: base texts, those of the account, team and key pages, and those of reports on behaviour. */
export type TextGroup = 'base' | 'people' | 'insights';
type Values = Record<string, string | number>;
type Texts = Partial<Record<Key, string>>;

/** Languages are loaded on first use. */
const loaders: Record<Language, Record<TextGroup, () => Promise<Texts>>> = {
  en: {
    base: async (): Promise<Messages> => (await import('./en')).en,
    people: async () => (await import('./en/people')).people,
    insights: async () => (await import('./en/insights')).insights,
  },
  fa: {
    base: async (): Promise<Messages> => (await import('./fa')).fa,
    people: async () => (await import('./fa/people')).people,
    insights: async () => (await import('./fa/insights')).insights,
  },
};

const parsed = new Map<string, IntlMessageFormat>();
const groups = new Set<TextGroup>(['base']);
let shown = $state.raw<{ language: Language; messages: Texts } | undefined>();
let requested: Language | undefined;
/** The latest load; an overtaken one waits for it. */
let loading = Promise.resolve();

export function showLanguage(language: Language): Promise<void> {
  requested = language;
  const current: Promise<void> = load(language, () => current !== loading);
  loading = current;
  return current;
}

async function load(language: Language, overtaken: () => boolean): Promise<void> {
  const texts = await Promise.all([...groups].map((group) => loaders[language][group]()));
  if (overtaken()) return loading;
  shown = { language, messages: Object.assign({}, ...texts) as Texts };
  preferences.setLanguage(language);
}

/** Loads a page and its texts in parallel. */
export async function withTexts<T>(group: TextGroup, page: Promise<T>): Promise<T> {
  if (!groups.has(group)) {
    groups.add(group);
    void showLanguage(requested ?? preferences.language);
  }
  const texts = loading;
  try {
    return (await Promise.all([page, texts]))[0];
  } catch (error) {
    groups.delete(group);
    throw error;
  }
}

/** The text of a key in the current language. */
export function t(key: Key, values?: Values): string {
  if (!shown) return '';
  const text = shown.messages[key] ?? '';
  if (!values && !text.includes('{')) return text;
  const id = `${shown.language}/${key}`;
  let message = parsed.get(id);
  if (!message) {
    message = new IntlMessageFormat(text, preferences.locale, undefined, { ignoreTag: true });
    parsed.set(id, message);
  }
  return String(message.format(values));
}

/** Values that have a display name in a group. */
const valuesIn = (group: 'channel' | 'device') => (): string[] =>
  Object.keys(shown?.messages ?? {}).filter((key) => key.startsWith(`${group}.`)).map((key) => key.slice(group.length + 1));
export const allChannels = valuesIn('channel');
export const allDevices = valuesIn('device');

type Named = 'channel' | 'contact' | 'device' | 'event' | 'property' | 'reason' | 'noticed' | 'model' | 'action' | 'component' | 'scope' | 'cause' | 'who';

/** The display name of a server or site value, such as a channel; unknown values are shown as they are. */
export function named(group: Named, value: string): string {
  const text = shown?.messages[`${group}.${value}` as Key];
  if (text !== undefined) return text;
  return group === 'reason' || group === 'noticed' ? value.replaceAll('_', ' ') : value;
}
