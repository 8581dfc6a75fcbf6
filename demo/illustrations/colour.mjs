// Colour arithmetic for the drawings: everything is derived from the one
// colour an item carries, so that a catalogue line decides how it looks.

/** Mixes `from` with `to`; 0 keeps `from`, 1 gives `to`. */
export function mix(from, to, share) {
  const channel = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
  return '#' + [1, 3, 5].map((at) => {
    const value = channel(from, at) + (channel(to, at) - channel(from, at)) * share;
    return Math.round(value).toString(16).padStart(2, '0');
  }).join('');
}

/** What a drawing paints with: `fill` is a gradient of the item's colour. */
export function paints(colour, gradient) {
  return {
    colour,
    fill: `url(#${gradient})`,
    dark: mix(colour, '#20140f', 0.42),
    light: mix(colour, '#fffaf0', 0.45),
    pale: mix(colour, '#fffaf0', 0.78),
    cream: '#fff6e6',
    ink: '#3a2a22',
    wood: '#b07a4a',
    woodDark: '#7d5231',
    brass: '#d9a441',
    clay: '#c4704a',
    clayDark: '#9c5335',
    leaf: '#4f8a55',
    leafDark: '#33643f',
  };
}

/** The gradient that `paints(colour, id).fill` refers to. */
export function gradient(colour, id) {
  const from = mix(colour, '#fffaf0', 0.2);
  const to = mix(colour, '#20140f', 0.2);
  return `<linearGradient id="${id}" x2="1" y2="1"><stop stop-color="${from}"/>` +
    `<stop offset="1" stop-color="${to}"/></linearGradient>`;
}
