// Cross-domain linking: a clicked link to another origin of the site gets a token that identifies the visitor, which only
// the server can read. It is requested when the pointer or the focus reaches such a link.
import { on } from './guard';
import { site } from './settings';
import { requestHead, visitorFor } from './visitor';
import { request } from './request';

const TOKEN_MS = 100_000;

let token: string | undefined;

const isOtherOrigin = (link: HTMLAnchorElement | null): unknown => site.origins?.includes(link?.origin!);

export function decorateLink(link: HTMLAnchorElement): void {
  if (token && isOtherOrigin(link)) {
    const { href } = link;
    link.search = (link.search || '?') + '&_ashna=' + token;
    // A link that is copied or followed later must not have the token.
    setTimeout(() => (link.href = href));
  }
}

export const startLinking = (): void =>
  on('pointerover focusin', async ({ target }) => {
    const visitor = visitorFor('analytics');
    if (token != null || !visitor || !isOtherOrigin((target as Element).closest('a'))) return;
    token = '';
    setTimeout(() => (token = undefined), TOKEN_MS);
    token = (await request('/e', { ...requestHead(visitor), linking: true, events: [] }))[1]?.link;
  });
