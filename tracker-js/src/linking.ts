// Carries the visitor over to another origin of the site: the link that is clicked gets a token
// that the server made, and only the server can read. It is asked for when the pointer comes near.
import { on } from './guard';
import { site } from './settings';
import { sender, visitorFor } from './visitor';
import { ask } from './ask';

const TOKEN_MS = 100_000;

let token: string | undefined;

const isSister = (link: HTMLAnchorElement | null): unknown => site.origins?.includes(link?.origin!);

export function decorate(link: HTMLAnchorElement): void {
  if (token && isSister(link)) {
    const { href } = link;
    link.search = (link.search || '?') + '&_ashna=' + token;
    // A link that is copied, or followed later, carries nobody.
    setTimeout(() => (link.href = href));
  }
}

export const startLinking = (): void =>
  on('pointerover focusin', async ({ target }) => {
    const visitor = visitorFor('analytics');
    if (token != null || !visitor || !isSister((target as Element).closest('a'))) return;
    token = '';
    setTimeout(() => (token = undefined), TOKEN_MS);
    token = (await ask('/e', { ...sender(visitor), linking: true, events: [] }))[1]?.link;
  });
