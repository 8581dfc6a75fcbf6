// Draws one picture for each item of items.ndjson, one wide scene for each
// category, and writes the browser's copy of the catalogue. The same catalogue
// always gives the same bytes.  Run:  node demo/generate-images.mjs
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gradient, paints } from './illustrations/colour.mjs';
import { journeys } from './illustrations/journeys.mjs';
import { rooms } from './illustrations/rooms.mjs';
import { table } from './illustrations/table.mjs';

const DRAWINGS = { ...table, ...rooms, ...journeys };
const SVG_BYTES_MAX = 4096;
const SCENE_BYTES_MAX = 8192;

/** Two backdrop colours and the three drawings of the category's wide scene. */
const CATEGORIES = {
  Coffee: { wall: ['#f6e7d4', '#e6c9a6'], scene: ['coffee-gooseneck-kettle', 'coffee-copper-pot', 'coffee-yirgacheffe'] },
  Tea: { wall: ['#eef1df', '#cfdcb5'], scene: ['tea-lahijan-black', 'tea-estekan-glasses', 'tea-stoneware-teapot'] },
  Kitchen: { wall: ['#fdeeda', '#f3cb98'], scene: ['kitchen-olive-oil', 'kitchen-turquoise-bowl', 'kitchen-saffron'] },
  Books: { wall: ['#efeaf4', '#d3c9e2'], scene: ['books-how-rugs-speak', 'books-garden-at-noon', 'books-salt-road'] },
  Plants: { wall: ['#e9f3e6', '#bddcbf'], scene: ['plants-snake-plant', 'plants-pomegranate-tree', 'plants-barrel-cactus'] },
  Stationery: { wall: ['#fbeceb', '#edc8c5'], scene: ['stationery-cedar-pencils', 'stationery-turquoise-ink', 'stationery-linen-notebook'] },
  Outdoor: { wall: ['#e6f1f4', '#b4d3de'], scene: ['outdoor-ridge-tent', 'outdoor-storm-lantern', 'outdoor-day-pack'] },
  Audio: { wall: ['#f3ece2', '#d8c7b0'], scene: ['audio-kitchen-radio', 'audio-turntable', 'audio-headphones'] },
};

const BACKDROPS = [
  // A pointed arch, a low sun, a window with shutters' light, two hills.
  '<path d="M84 400V196C84 124 148 84 200 44c52 40 116 80 116 152v204z"/>',
  '<circle cx="200" cy="200" r="146"/>',
  '<path d="M62 60h130v150H62zM208 60h130v150H208zM62 226h130v110H62zM208 226h130v110H208z"/>',
  '<path d="M0 300C70 150 150 150 220 250c60-90 130-80 180 0v150H0z"/><circle cx="300" cy="96" r="38"/>',
];

const hash = (text) => [...text].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);

const frame = (width, wall, defs, body) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 400"><defs><linearGradient id="w" x2="0" y2="1">` +
  `<stop stop-color="${wall[0]}"/><stop offset="1" stop-color="${wall[1]}"/></linearGradient>${defs}</defs>` +
  `<rect width="${width}" height="400" fill="url(#w)"/>${body}</svg>\n`;

const shadow = (x) => `<ellipse cx="${x}" cy="322" rx="124" ry="13" fill="#3a2a22" opacity=".16"/>`;

function picture(item) {
  const backdrop = BACKDROPS[hash(item.id) % BACKDROPS.length];
  const body = `<g fill="#fff" opacity=".38">${backdrop}</g>${shadow(200)}` +
    DRAWINGS[item.illustration](paints(item.colour, 'g'));
  return frame(400, CATEGORIES[item.categories[0]].wall, gradient(item.colour, 'g'), body);
}

function scene({ wall, scene: ids }, byId) {
  const items = ids.map((id) => byId.get(id));
  const placed = [[-10, 30, 0.92], [410, 44, 0.88], [180, -6, 1.04]];
  const order = [0, 2, 1];
  const drawings = placed.map(([x, y, scale], n) => {
    const item = items[order[n]];
    return `<g transform="translate(${x} ${y}) scale(${scale})">${shadow(200)}${DRAWINGS[item.illustration](paints(item.colour, 'g' + n))}</g>`;
  });
  const defs = placed.map((_, n) => gradient(items[order[n]].colour, 'g' + n)).join('');
  const arches = [-16, 184, 384].map((x) => `<g transform="translate(${x})">${BACKDROPS[0]}</g>`).join('');
  const ground = '<path d="M0 322h780v78H0z" fill="#3a2a22" opacity=".07"/>';
  return frame(780, wall, defs, `<g fill="#fff" opacity=".34">${arches}</g>${ground}${drawings.join('')}`);
}

function write(path, text, bytesMax) {
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) throw new Error(`${path} is ${bytes} bytes, more than ${bytesMax}`);
  writeFileSync(new URL(path, import.meta.url), text);
}

const items = readFileSync(new URL('items.ndjson', import.meta.url), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const byId = new Map(items.map((item) => [item.id, item]));

mkdirSync(new URL('assets/img/', import.meta.url), { recursive: true });
for (const item of items) write(`assets/img/${item.id}.svg`, picture(item), SVG_BYTES_MAX);
for (const [name, category] of Object.entries(CATEGORIES)) {
  write(`assets/img/scene-${name.toLowerCase()}.svg`, scene(category, byId), SCENE_BYTES_MAX);
}
const shown = items.map(({ colour, illustration, ...item }) => item);
write('assets/catalogue.json', JSON.stringify(shown) + '\n', 64 * 1024);
console.log(`${items.length} items and ${Object.keys(CATEGORIES).length} scenes drawn`);
