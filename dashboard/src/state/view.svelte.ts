import { untrack } from 'svelte';
import { parsed } from './filter-url';
import { router } from './router.svelte';

/**
 * What a page asks beside period and filters, edited as a draft and kept in the address as `view` (the JSON of the
 * question), so that it can be bookmarked, saved and sent. Create it inside a component.
 *
 *     const view = new ViewState(readRetention, writeRetention);
 */
export class ViewState<D, V> {
  draft = $state() as D;
  /** The last complete question; undefined until the draft is one. */
  readonly asked = $derived.by<V | undefined>(() => this.#write(this.draft));
  #write: (draft: D) => V | undefined;

  /** `read` makes a draft of what the address has, untrusted, or of nothing; `write` is undefined while it is incomplete. */
  constructor(read: (raw: unknown) => D, write: (draft: D) => V | undefined) {
    this.#write = write;
    const address = () => router.query.get('view') ?? undefined;
    const initial = JSON.stringify(write(read(undefined)));
    let known = address();
    this.draft = read(parsed(known ?? null));

    // The back button, or a link to another view of the same page.
    $effect(() => {
      const text = address();
      if (text === known) return;
      known = text;
      this.draft = read(parsed(text ?? null));
    });
    $effect(() => {
      const asked = this.asked;
      if (asked === undefined) return;
      const text = JSON.stringify(asked);
      const next = text === initial ? undefined : text;
      untrack(() => {
        if (next === known) return;
        known = next;
        router.setQuery({ view: next });
      });
    });
  }
}
