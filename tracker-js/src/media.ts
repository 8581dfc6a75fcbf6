// Video and audio playback, and copied text.
import { autocapture, pick } from './events';
import { on } from './guard';

export function startMedia(): void {
  on('play pause ended', ({ type, target }) => {
    const { loop, ended } = target as HTMLMediaElement;
    // Looping media are decoration, and an end is preceded by a pause event.
    if (!loop && (!ended || type !== 'pause')) {
      autocapture(type as 'play', pick(target!, 'localName id currentSrc currentTime duration'));
    }
  });
  on('copy', () => autocapture('copy', { length: ('' + getSelection()).length }));
}
