// A panel at the lower edge of the page, isolated from its styles.

type Tone = 'good' | 'bad' | 'sent';

const STYLE = `
  :host { all: initial }
  section { position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; width: min(440px, calc(100vw - 24px));
    max-height: 45vh; overflow: auto; border-radius: 12px; background: #12211d; color: #f1f6f3; font: 13px/1.45 system-ui, sans-serif;
    box-shadow: 0 8px 40px #0006; direction: ltr; text-align: left }
  header { position: sticky; top: 0; z-index: 1; display: flex; justify-content: space-between; padding: 10px 14px; background: #0b1613; font-weight: 600 }
  button { border: 0; background: none; color: inherit; font: inherit; cursor: pointer }
  ol { margin: 0; padding: 6px 14px 12px; list-style: none }
  li { padding: 6px 0 6px 12px; border-left: 3px solid #7aa; overflow-wrap: anywhere }
  li + li { margin-top: 4px }
  .good { border-color: #49d19b } .bad { border-color: #ff8a5c } .sent { border-color: #8fb3ff }
  small { display: block; opacity: .8 }`;

export class Panel {
  private readonly list = document.createElement('ol');

  constructor() {
    const host = document.createElement('ashna-debug');
    const root = host.attachShadow({ mode: 'open' });
    const style = document.createElement('style');
    style.textContent = STYLE;
    const section = document.createElement('section');
    section.setAttribute('role', 'log');
    const head = document.createElement('header');
    head.textContent = 'Ashna check';
    const close = document.createElement('button');
    close.textContent = 'Close';
    close.onclick = () => host.remove();
    head.append(close);
    section.append(head, this.list);
    root.append(style, section);
    const show = () => document.body.append(host);
    if (document.body) show();
    else addEventListener('DOMContentLoaded', show);
  }

  add(tone: Tone, title: string, text = ''): void {
    const line = document.createElement('li');
    line.className = tone;
    line.textContent = title;
    if (text) {
      const more = document.createElement('small');
      more.textContent = text.slice(0, 400);
      line.append(more);
    }
    this.list.append(line);
    line.scrollIntoView({ block: 'nearest' });
  }
}
