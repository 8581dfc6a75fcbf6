// The catalogue in the browser, and what the shop says about its categories.

export const CATEGORIES = [
  { name: 'Coffee', says: 'Roasts that leave the drum on Monday, and the tools to honour them.' },
  { name: 'Tea', says: 'From the Caspian hills to a narrow-waisted glass.' },
  { name: 'Kitchen', says: 'Saffron, iron and wood for people who cook on weekdays.' },
  { name: 'Books', says: 'Eight books from two small presses.' },
  { name: 'Plants', says: 'Easy leaves, slow trees, one proud cactus.' },
  { name: 'Stationery', says: 'Reed, ink and paper that wants both.' },
  { name: 'Outdoor', says: 'A kilim for the meadow and a lantern for the way home.' },
  { name: 'Audio', says: 'For listening on purpose.' },
].map((category) => {
  const slug = category.name.toLowerCase();
  return { ...category, slug, url: `/demo/c/${slug}`, scene: `/demo/assets/img/scene-${slug}.svg` };
});

const answer = await fetch('/demo/assets/catalogue.json');
if (!answer.ok) throw new Error(`the catalogue could not be read: ${answer.status}`);

export const items = await answer.json();
const byId = new Map(items.map((item) => [item.id, item]));

export const find = (id) => byId.get(id);
export const inCategory = (name) => items.filter((item) => item.categories.includes(name));
export const tagged = (tag) => items.filter((item) => item.tags.includes(tag));

/** Others of the same main category first, then those that share a tag. */
export function similar(item, count) {
  const score = (other) =>
    (other.categories[0] === item.categories[0] ? 3 : 0) +
    other.tags.filter((tag) => item.tags.includes(tag)).length;
  return items.filter((other) => other.id !== item.id)
    .map((other) => [score(other), other])
    .sort(([a], [b]) => b - a)
    .slice(0, count)
    .map(([, other]) => other);
}

/** Items in which every word of the query occurs; those with it in the title come first. */
export function search(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8);
  if (words.length === 0) return [];
  const text = (item) => [item.title, item.brand, item.description, ...item.categories, ...item.tags].join(' ').toLowerCase();
  const inTitle = (item) => words.some((word) => item.title.toLowerCase().includes(word)) ? 0 : 1;
  return items.filter((item) => words.every((word) => text(item).includes(word)))
    .sort((a, b) => inTitle(a) - inTitle(b));
}
