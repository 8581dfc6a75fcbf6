// Publishes the built tracker permanently: `npm run release` copies it to releases/ under its hash, by which pages can
// pin it, and adds it to releases/index.json.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const script = await readFile('dist/t.js');
const hash = createHash('sha256').update(script).digest('hex').slice(0, 24);
const integrity = 'sha384-' + createHash('sha384').update(script).digest('base64');
await mkdir('releases', { recursive: true });
const index = JSON.parse(await readFile('releases/index.json', 'utf8').catch(() => '[]'));
if (!index.some((release) => release.hash === hash)) {
  for (const ending of ['', '.br', '.gz']) await copyFile(`dist/t.js${ending}`, `releases/${hash}.js${ending}`);
  index.push({ version, hash, integrity });
  await writeFile('releases/index.json', JSON.stringify(index, null, 2) + '\n');
}
console.log(`${version} is /t/${hash}.js, ${integrity}`);
