// Drawings for coffee, tea and the kitchen. Each takes the paints of an item
// and stands on y = 320, centred on x = 200, in a square of 400.

const steam = (x, y) =>
  `<path d="M${x} ${y}c-14-18 14-28 0-50M${x + 30} ${y}c-14-18 14-28 0-50" fill="none" stroke="#fff" stroke-opacity=".75" stroke-width="6" stroke-linecap="round"/>`;

export const table = {
  bag: (p) => `<path d="M132 112h136l16 208H116z" fill="${p.fill}"/><path d="M236 112h32l16 208h-34z" fill="${p.dark}" opacity=".35"/>
<path d="M128 92h144v28H128z" fill="${p.dark}"/><rect x="150" y="170" width="100" height="104" rx="8" fill="${p.cream}"/>
<ellipse cx="200" cy="212" rx="20" ry="28" transform="rotate(28 200 212)" fill="${p.colour}"/><path d="M188 234c14-10 8-30 24-44" fill="none" stroke="${p.cream}" stroke-width="4"/>
<path d="M168 256h64M180 265h40" stroke="${p.dark}" stroke-width="4"/>`,
  cezve: (p) => `<path d="M238 214l108-70 10 15-108 78z" fill="${p.woodDark}"/><path d="M150 150h96l-10 44c40 30 44 96 14 126H146c-30-30-26-96 14-126z" fill="${p.fill}"/>
<path d="M142 142l-10-14h124v22H146z" fill="${p.light}"/><path d="M150 214c-18 30-16 68-2 92" stroke="${p.pale}" stroke-width="8" fill="none" stroke-linecap="round" opacity=".8"/>
<path d="M140 262h120M137 274h126" stroke="${p.dark}" stroke-width="3" stroke-dasharray="8 7"/>${steam(180, 112)}`,
  grinder: (p) => `<path d="M200 118V84h88" stroke="${p.ink}" stroke-width="9" fill="none" stroke-linecap="round"/><circle cx="292" cy="80" r="15" fill="${p.wood}"/>
<path d="M158 122h84l10 26H148z" fill="#9aa3a6"/><rect x="154" y="148" width="92" height="96" rx="6" fill="${p.fill}"/>
<path d="M176 148v96M200 148v96M224 148v96" stroke="${p.dark}" stroke-width="2" opacity=".5"/><rect x="148" y="240" width="104" height="14" fill="#7c8588"/>
<path d="M156 254h88l-6 66h-76z" fill="#c9d0d0"/><path d="M160 286h80l-3 34h-74z" fill="${p.ink}" opacity=".75"/>`,
  dripper: (p) => `<path d="M138 116h124l-44 74h-36z" fill="${p.cream}"/><path d="M132 104h136l-6 18H138z" fill="${p.light}"/><path d="M165 122l20 66M200 122v66M235 122l-20 66" stroke="${p.colour}" stroke-width="4"/>
<rect x="158" y="188" width="84" height="12" rx="6" fill="${p.dark}"/><path d="M172 200h56l-4 26c40 26 46 66 30 94H146c-16-28-10-68 30-94z" fill="#fff" opacity=".7"/>
<path d="M146 266c30-10 78 10 113-2 3 20 1 40-5 56H146c-7-16-8-36 0-54z" fill="#5d3322"/><path d="M250 236c40-6 44 50 6 58" fill="none" stroke="${p.dark}" stroke-width="9"/>`,
  kettle: (p) => `<path d="M146 220h108l22 100H124z" fill="${p.fill}"/><path d="M128 286c-44 0-40-96-74-106" stroke="${p.dark}" stroke-width="13" fill="none" stroke-linecap="round"/>
<path d="M146 220c6-26 102-26 108 0z" fill="${p.light}"/><circle cx="200" cy="192" r="11" fill="${p.woodDark}"/><path d="M250 232c74-30 70-96 26-98" fill="none" stroke="${p.woodDark}" stroke-width="15" stroke-linecap="round"/>
<path d="M156 240l-12 66" stroke="#fff" stroke-width="7" opacity=".45" stroke-linecap="round"/>`,
  tin: (p) => `<path d="M136 148h128v162q-64 20-128 0z" fill="${p.fill}"/><path d="M130 112q70-20 140 0v40q-70 18-140 0z" fill="${p.dark}"/><ellipse cx="200" cy="111" rx="70" ry="14" fill="${p.light}"/>
<path d="M136 196q64 18 128 0v74q-64 18-128 0z" fill="${p.cream}"/><path d="M200 262c-30-18-24-44 0-52 24 8 30 34 0 52z" fill="${p.leaf}"/><path d="M200 268v-50" stroke="${p.cream}" stroke-width="3"/>
<path d="M148 206v66M252 206v66" stroke="${p.colour}" stroke-width="3" stroke-dasharray="4 6"/>`,
  jar: (p) => `<rect x="138" y="140" width="124" height="180" rx="22" fill="#fff" opacity=".65"/><path d="M146 200h108v98q0 14-14 14h-80q-14 0-14-14z" fill="${p.pale}"/>
${[[172, 226], [206, 218], [234, 238], [164, 262], [198, 256], [230, 276], [182, 290], [212, 296]].map(([x, y]) => `<circle cx="${x}" cy="${y}" r="17" fill="${p.colour}"/><path d="M${x - 9} ${y}a9 9 0 1 1 9 9q-6-4-3-9" fill="${p.light}"/>`).join('')}
<rect x="146" y="106" width="108" height="36" rx="8" fill="${p.wood}"/><path d="M154 158v130" stroke="#fff" stroke-width="7" stroke-linecap="round" opacity=".8"/>`,
  threads: (p) => `<rect x="144" y="150" width="112" height="170" rx="20" fill="#fff" opacity=".7"/><path d="M152 214h96v86q0 12-12 12h-72q-12 0-12-12z" fill="${p.pale}"/>
<g stroke="${p.colour}" stroke-width="5" stroke-linecap="round" fill="none">${Array.from({ length: 16 }, (_, n) => `<path d="M${160 + (n % 4) * 22} ${232 + (n >> 2) * 20}q${n % 2 ? 12 : 4} ${n % 3 ? -12 : 10} 18 ${(n % 5) - 2}"/>`).join('')}</g>
<rect x="150" y="116" width="100" height="36" rx="8" fill="${p.brass}"/><path d="M160 166v128" stroke="#fff" stroke-width="6" stroke-linecap="round"/><path d="M286 320c-30-14-30-60 0-76 30 16 30 62 0 76zm0-76c-2-30 20-42 34-42-2 24-10 38-34 42zm0 0c2-30-20-42-34-42 2 24 10 38 34 42z" fill="#8d6bb0"/><path d="M286 258v-34" stroke="${p.colour}" stroke-width="6" stroke-linecap="round"/>`,
  estekan: (p) => `<path d="M158 108h84c2 40-22 56-20 84 2 30 24 44 16 104h-76c-8-60 14-74 16-104 2-28-22-44-20-84z" fill="#fff" opacity=".65"/>
<path d="M162 132h76c-4 28-20 40-19 60 2 30 22 44 16 96h-70c-6-52 14-66 16-96 1-20-15-32-19-60z" fill="${p.fill}"/><path d="M172 146c6 20 16 30 16 48" stroke="#fff" stroke-width="6" opacity=".6" fill="none" stroke-linecap="round"/>
<ellipse cx="200" cy="304" rx="108" ry="16" fill="${p.cream}"/><ellipse cx="200" cy="300" rx="86" ry="10" fill="none" stroke="${p.brass}" stroke-width="4"/><path d="M158 110h84" stroke="${p.brass}" stroke-width="6"/>${steam(184, 92)}`,
  teapot: (p) => `<path d="M126 232c-44-4-46-44-74-58l16-14c36 8 40 40 66 44z" fill="${p.dark}"/><ellipse cx="204" cy="244" rx="92" ry="76" fill="${p.fill}"/><path d="M284 210c54-30 76 62 0 80" fill="none" stroke="${p.dark}" stroke-width="15"/>
<path d="M150 184c14-30 94-30 108 0z" fill="${p.light}"/><circle cx="204" cy="152" r="13" fill="${p.dark}"/><path d="M114 252q90 30 180 0" stroke="${p.pale}" stroke-width="6" fill="none" stroke-dasharray="2 14" stroke-linecap="round"/><path d="M160 312h88v8h-88z" fill="${p.dark}"/>`,
  samovar: (p) => `<path d="M146 150h108c30 40 16 100-26 122h-56c-42-22-56-82-26-122z" fill="${p.fill}"/><path d="M178 272h44l10 28h-64z" fill="${p.dark}"/><rect x="150" y="298" width="100" height="22" rx="5" fill="${p.colour}"/>
<path d="M144 138h112v16H144z" fill="${p.light}"/><path d="M176 112h48v26h-48z" fill="${p.dark}"/><path d="M168 96q32-22 64 0v18h-64z" fill="${p.light}"/><path d="M134 186c-34-10-34-46-4-40M266 186c34-10 34-46 4-40" fill="none" stroke="${p.dark}" stroke-width="10"/>
<path d="M200 238v26h16v14" stroke="${p.ink}" stroke-width="9" fill="none"/><circle cx="200" cy="236" r="10" fill="${p.ink}"/><path d="M160 166c-16 30-10 62 6 84" stroke="#fff" stroke-width="8" fill="none" opacity=".5" stroke-linecap="round"/>`,
  crystal: (p) => [[130, -14], [200, 0], [270, 14]].map(([x, turn], n) => `<g transform="rotate(${turn} ${x} 320)"><path d="M${x} 320V110" stroke="${p.wood}" stroke-width="8" stroke-linecap="round"/>
<path d="M${x} ${90 + n % 2 * 14}l26 22 10 44-14 52-22 20-24-18-12-50 10-48z" fill="${p.fill}" opacity=".9"/><path d="M${x} ${90 + n % 2 * 14}l4 60-34 8M${x + 4} 150l32 8M${x + 4} 150l-6 76" stroke="${p.pale}" stroke-width="4" fill="none"/></g>`).join(''),
  bottle: (p) => `<path d="M178 90h44v50c0 26 36 32 36 66v100q0 14-14 14h-88q-14 0-14-14V206c0-34 36-40 36-66z" fill="${p.fill}"/><rect x="174" y="68" width="52" height="28" rx="5" fill="${p.woodDark}"/>
<rect x="142" y="216" width="116" height="74" fill="${p.cream}"/><path d="M160 274c20-40 60-40 80-46" stroke="${p.leaf}" stroke-width="4" fill="none"/><circle cx="186" cy="254" r="11" fill="${p.colour}"/><circle cx="214" cy="238" r="11" fill="${p.colour}"/><path d="M188 106v38c0 16-20 28-28 46" stroke="#fff" stroke-width="6" fill="none" opacity=".45" stroke-linecap="round"/>`,
  mortar: (p) => `<path d="M262 84l22 14-70 132-32-14z" fill="${p.light}"/><path d="M112 200h176c0 58-24 88-50 96v24h-76v-24c-26-8-50-38-50-96z" fill="${p.fill}"/><ellipse cx="200" cy="200" rx="88" ry="18" fill="${p.dark}"/><path d="M200 214l66-122" stroke="${p.light}" stroke-width="20" stroke-linecap="round"/><ellipse cx="172" cy="202" rx="30" ry="7" fill="${p.leaf}"/>`,
  knife: (p) => `<g transform="rotate(-38 200 210)"><path d="M70 190h180v44H130c-34 0-54-20-60-44z" fill="#dfe5e8"/><path d="M70 190c6 24 26 44 60 44h120v-12H136c-30 0-52-14-66-32z" fill="${p.colour}" opacity=".7"/><rect x="248" y="186" width="96" height="34" rx="12" fill="${p.wood}"/><path d="M262 203h.1M292 203h.1M322 203h.1" stroke="${p.brass}" stroke-width="9" stroke-linecap="round"/></g>`,
  board: (p) => `<path d="M176 76q24-16 48 0v54h30q20 0 20 20v150q0 20-20 20H146q-20 0-20-20V150q0-20 20-20h30z" fill="${p.fill}"/><circle cx="200" cy="94" r="9" fill="${p.cream}"/><path d="M150 150c30 50-20 100 10 160M182 142c36 60-10 110 18 172M224 144c20 60-10 110 14 166" stroke="${p.dark}" stroke-width="4" fill="none" opacity=".5"/>`,
  pan: (p) => `<path d="M262 190l96-74 16 18-92 82z" fill="${p.dark}"/><ellipse cx="180" cy="240" rx="116" ry="80" fill="${p.fill}"/><ellipse cx="180" cy="232" rx="98" ry="64" fill="${p.dark}"/><path d="M128 232c0-38 58-44 78-22s40 6 40 28-58 42-86 26-32-6-32-32z" fill="#fffaf0"/><circle cx="178" cy="232" r="23" fill="#f2b632"/><path d="M166 224q8-8 16-6" stroke="#fff" stroke-width="4" fill="none" stroke-linecap="round"/>`,
  bowl: (p) => `<path d="M90 196h220c-4 68-44 104-70 108v16h-80v-16c-26-4-66-40-70-108z" fill="${p.fill}"/><ellipse cx="200" cy="196" rx="110" ry="22" fill="${p.dark}"/><circle cx="162" cy="178" r="34" fill="#b5312c"/><circle cx="236" cy="178" r="34" fill="#c5432f"/><circle cx="200" cy="160" r="36" fill="#d25838"/><path d="M192 126l8-16 8 16z" fill="#8c2a22"/><path d="M91 206c40 26 178 26 218 0" stroke="${p.ink}" stroke-width="5" fill="none"/><path d="M112 246q88 36 176 0" stroke="${p.pale}" stroke-width="6" stroke-dasharray="1 16" stroke-linecap="round" fill="none"/>`,
};
