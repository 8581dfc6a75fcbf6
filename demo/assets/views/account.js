// An invented log-in: a name and an e-mail address, kept in this browser, that
// let Ashna recognise the same person again. There is no password to steal.
import { h, toast } from '../dom.js';
import { forget, identify, track } from '../events.js';
import { become, person, TEXT_MAX } from '../person.js';

export function account({ redraw }) {
  const known = person();
  return { title: 'Your account', nodes: known ? inside(known, redraw) : door(redraw) };
}

function door(redraw) {
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const name = String(form.get('name')).trim().slice(0, TEXT_MAX);
    const email = String(form.get('email')).trim().toLowerCase().slice(0, TEXT_MAX);
    if (!name || !email) return;
    become({ name, email });
    identify(email, { name, email });
    track('Signed In', { method: 'demo' });
    redraw();
    toast(`Welcome, ${name}.`);
  };
  const input = (name, label, type, value) => h('p', { class: 'field' }, h('label', { for: name }, label),
    h('input', { id: name, name, type, value, required: true, maxlength: TEXT_MAX, autocomplete: 'off' }));
  return [h('h1', {}, 'Log in'),
    h('p', { class: 'lead' }, 'Pretend to be somebody. Ashna then knows this visitor by a name, as it would on a real site after a real log-in.'),
    h('form', { class: 'form', onsubmit: submit },
      input('name', 'Name', 'text', 'Shirin Example'), input('email', 'E-mail', 'email', 'shirin@example.org'),
      h('p', { class: 'small' }, 'An invented name and address will do; there is no password. They are kept in this browser and sent to your own Ashna.'),
      h('button', { class: 'button', type: 'submit' }, 'Log in'))];
}

function inside(known, redraw) {
  const leave = () => {
    become(null);
    forget();
    redraw();
  };
  return [h('h1', {}, `Salaam, ${known.name}`),
    h('p', { class: 'lead' }, `You are logged in as ${known.email}. What you look at from now on is remembered under that name.`),
    h('p', {}, h('a', { class: 'button', href: '/demo/' }, 'Back to the shop'), ' ',
      h('button', { class: 'quiet', type: 'button', onclick: leave }, 'Log out'))];
}
