/** Language and theme, stored in the browser and applied to the document. */

export type Language = 'en' | 'fa';
export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'ashna.preferences';

function stored(): { language?: Language; theme?: Theme } {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as { language?: Language; theme?: Theme };
  } catch {
    return {};
  }
}

function browserLanguage(): Language {
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith('fa')) ? 'fa' : 'en';
}

const darkMedia = matchMedia('(prefers-color-scheme: dark)');

class Preferences {
  language = $state<Language>('en');
  theme = $state<Theme>('auto');
  /** The time zone of all times shown: the site's; undefined on pages without a site, for the browser's. */
  timezone = $state<string | undefined>();
  #systemDark = $state(darkMedia.matches);

  readonly direction = $derived(this.language === 'fa' ? 'rtl' : 'ltr');
  readonly dark = $derived(this.theme === 'auto' ? this.#systemDark : this.theme === 'dark');
  /** Locale for all Intl formatters: Persian uses Persian digits and the Jalali calendar. */
  readonly locale = $derived(this.language === 'fa' ? 'fa-IR-u-ca-persian-nu-arabext' : englishLocale());

  constructor() {
    const saved = stored();
    this.language = saved.language === 'en' || saved.language === 'fa' ? saved.language : browserLanguage();
    this.theme = saved.theme === 'light' || saved.theme === 'dark' ? saved.theme : 'auto';
    darkMedia.addEventListener('change', (event) => (this.#systemDark = event.matches));
    this.#apply();
  }

  setLanguage(language: Language): void {
    this.language = language;
    this.#apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.#apply();
  }

  #apply(): void {
    const root = document.documentElement;
    root.lang = this.language;
    root.dir = this.language === 'fa' ? 'rtl' : 'ltr';
    if (this.theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = this.theme;
    try {
      localStorage.setItem(KEY, JSON.stringify({ language: this.language, theme: this.theme }));
    } catch {
      // Without storage, the choice lasts until the page is closed.
    }
  }
}

function englishLocale(): string {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith('en')) ?? 'en';
}

export const preferences = new Preferences();
