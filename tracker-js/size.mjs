// Prints the sizes of the tracker's files and fails if one exceeds its limit.
import { readFileSync } from 'node:fs';

const LIMITS = {
  't.js': Infinity,
  't.js.gz': 6600,
  't.js.br': 6000,
  // Build without slots.
  'track.js': Infinity,
  'track.js.gz': 4600,
  'track.js.br': Infinity,
  'snippet.css.txt': 250,
};

let failed = false;
console.log('file'.padEnd(18), 'bytes'.padStart(6), 'limit'.padStart(6));
for (const [file, limit] of Object.entries(LIMITS)) {
  const { length } = readFileSync(`dist/${file}`);
  failed ||= length > limit;
  console.log(
    file.padEnd(18),
    String(length).padStart(6),
    (limit === Infinity ? '' : String(limit)).padStart(6),
    length > limit ? 'TOO LARGE' : '',
  );
}
process.exitCode = failed ? 1 : 0;
