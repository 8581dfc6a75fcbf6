// Forms: begun, sent, or left unfinished. Which field, never what is in it.
import { notice, pick } from './events';
import { on } from './guard';

/** Begun and not sent, with the field that was touched last. */
const begun = new Map<HTMLFormElement, string>();

const tell = (what: 'input' | 'submit' | 'abandon', form: HTMLFormElement, field?: string): void =>
  notice(what, pick(form, 'id name action', { field }));

/** Called when the view is left. */
export function abandonForms(): void {
  begun.forEach((field, form) => tell('abandon', form, field));
  begun.clear();
}

export function startForms(): void {
  on('input', ({ target }) => {
    const { form, name } = target as HTMLInputElement;
    if (!form) return;
    if (!begun.has(form)) tell('input', form, name);
    begun.set(form, name);
  });
  on('submit', ({ target }) => {
    begun.delete(target as HTMLFormElement);
    tell('submit', target as HTMLFormElement);
  });
}
