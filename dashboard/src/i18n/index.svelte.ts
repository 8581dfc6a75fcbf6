import { IntlMessageFormat } from 'intl-messageformat';
import { type Language, preferences } from '../state/preferences.svelte';
import type { BaseKey, Messages } from './en';
import type { people } from './en/people';

type PeopleKey = keyof typeof people;
export type Key = BaseKey | PeopleKey;
/** Texts that are loaded together: those every visit needs, and those of the pages about people and keys. */
export type TextGroup = 'base' | 'people';
type Values = Record<string, string | number>;
type Texts = Partial<Record<Key, string>>;

/** A language is loaded when it is first shown; formatted messages are parsed once. */
const loaders: Record<Language, Record<TextGroup, () => Promise<Texts>>> = {
  en: {
    base: async (): Promise<Messages> => (await import('./en')).en,
    people: async () => (await import('./en/people')).people,
  },
  fa: {
    base: async (): Promise<Messages> => (await import('./fa')).fa,
    people: async () => (await import('./fa/people')).people,
  },
};

const parsed = new Map<string, IntlMessageFormat>();
const groups = new Set<TextGroup>(['base']);
let shown = $state.raw<{ language: Language; messages: Texts } | undefined>();
let asked: Language | undefined;
/** The latest loading; an earlier one that was overtaken waits for it. */
let loading = Promise.resolve();

export function showLanguage(language: Language): Promise<void> {
  asked = language;
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

/** Loads a page and the texts it shows side by side. */
export async function withTexts<T>(group: TextGroup, page: Promise<T>): Promise<T> {
  if (!groups.has(group)) {
    groups.add(group);
    void showLanguage(asked ?? preferences.language);
  }
  const texts = loading;
  try {
    return (await Promise.all([page, texts]))[0];
  } catch (error) {
    groups.delete(group);
    throw error;
  }
}

/** The text of a key in the language being shown. */
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

type Named = 'channel' | 'device' | 'event' | 'property' | 'reason' | 'noticed' | 'model' | 'action' | 'component' | 'scope' | 'cause' | 'who';

/** The text for a value the server or the site chose, such as a channel; a value unknown to us is shown as it is. */
export function named(group: Named, value: string): string {
  const text = shown?.messages[`${group}.${value}` as Key];
  if (text !== undefined) return text;
  return group === 'reason' || group === 'noticed' ? value.replaceAll('_', ' ') : value;
}
