// Films and sounds that are played, and text that is copied.
import { notice, pick } from './events';
import { on } from './guard';

export function startMedia(): void {
  on('play pause ended', ({ type, target }) => {
    const { loop, ended } = target as HTMLMediaElement;
    // What runs round and round is decoration, and an end announces itself as a pause first.
    if (!loop && (!ended || type !== 'pause')) {
      notice(type as 'play', pick(target!, 'localName id currentSrc currentTime duration'));
    }
  });
  on('copy', () => notice('copy', { length: ('' + getSelection()).length }));
}
