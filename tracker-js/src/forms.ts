// Forms: started, submitted or abandoned. Captures the field name, never its value.
import { autocapture, pick } from './events';
import { on } from './guard';

/** Started but not submitted forms, with the last used field. */
const started = new Map<HTMLFormElement, string>();

const captureForm = (type: 'input' | 'submit' | 'abandon', form: HTMLFormElement, field?: string): void =>
  autocapture(type, pick(form, 'id name action', { field }));

/** Called when the view ends. */
export function abandonForms(): void {
  started.forEach((field, form) => captureForm('abandon', form, field));
  started.clear();
}

export function startForms(): void {
  on('input', ({ target }) => {
    const { form, name } = target as HTMLInputElement;
    if (!form) return;
    if (!started.has(form)) captureForm('input', form, name);
    started.set(form, name);
  });
  on('submit', ({ target }) => {
    started.delete(target as HTMLFormElement);
    captureForm('submit', target as HTMLFormElement);
  });
}
