/**
 * Outlines of countries for a map, from the TopoJSON of Natural Earth (1:110m): arcs that neighbors share, each a list of
 * steps on a grid. Only what this file needs of it is decoded.
 */

type Arcs = number[][];
type Geometry = { type: string; id?: string; properties?: { name?: string }; arcs?: Arcs | Arcs[] };
export type Topology = { transform: { scale: number[]; translate: number[] }; arcs: number[][][]; objects: { countries: { geometries: Geometry[] } } };
/** An outline as an SVG path; `country` is the code of ISO 3166-1 alpha-2, undefined where there is none. */
export type Outline = { country: string | undefined; path: string };

/** The map's size in its own units; it ends south of Cape Horn. */
export const WIDTH = 960;
export const HEIGHT = 430;
const ANTARCTICA = '010';
const KOSOVO = { name: 'Kosovo', code: 'XK' };

/** ISO 3166-1: numeric and alpha-2 codes of the countries that the map has. */
const CODES = `
  004AF 008AL 010AQ 012DZ 024AO 031AZ 032AR 036AU 040AT 044BS 050BD 051AM 056BE 064BT 068BO 070BA 072BW 076BR 084BZ
  090SB 096BN 100BG 104MM 108BI 112BY 116KH 120CM 124CA 140CF 144LK 148TD 152CL 156CN 158TW 170CO 178CG 180CD 188CR
  191HR 192CU 196CY 203CZ 204BJ 208DK 214DO 218EC 222SV 226GQ 231ET 232ER 233EE 238FK 242FJ 246FI 250FR 260TF 262DJ
  266GA 268GE 270GM 275PS 276DE 288GH 300GR 304GL 320GT 324GN 328GY 332HT 340HN 348HU 352IS 356IN 360ID 364IR 368IQ
  372IE 376IL 380IT 384CI 388JM 392JP 398KZ 400JO 404KE 408KP 410KR 414KW 417KG 418LA 422LB 426LS 428LV 430LR 434LY
  440LT 442LU 450MG 454MW 458MY 466ML 478MR 484MX 496MN 498MD 499ME 504MA 508MZ 512OM 516NA 524NP 528NL 540NC 548VU
  554NZ 558NI 562NE 566NG 578NO 586PK 591PA 598PG 600PY 604PE 608PH 616PL 620PT 624GW 626TL 630PR 634QA 642RO 643RU
  646RW 682SA 686SN 688RS 694SL 703SK 704VN 705SI 706SO 710ZA 716ZW 724ES 728SS 729SD 732EH 740SR 748SZ 752SE 756CH
  760SY 762TJ 764TH 768TG 780TT 784AE 788TN 792TR 795TM 800UG 804UA 807MK 818EG 826GB 834TZ 840US 854BF 858UY 860UZ
  862VE 887YE 894ZM
`;
const byNumber = new Map(CODES.trim().split(/\s+/).map((pair) => [pair.slice(0, 3), pair.slice(3)]));

export function outlines({ transform, arcs, objects }: Topology): Outline[] {
  const points = arcs.map((arc) => decode(arc, transform));
  return objects.countries.geometries
    .filter(({ id, arcs: own }) => own && id !== ANTARCTICA)
    .map((geometry) => {
      const polygons = (geometry.type === 'Polygon' ? [geometry.arcs] : geometry.arcs) as Arcs[];
      return { country: codeOf(geometry), path: polygons.flatMap((polygon) => polygon.map((ring) => pathOf(ring, points))).join('') };
    });
}

const codeOf = ({ id, properties }: Geometry): string | undefined => (id ? byNumber.get(id) : properties?.name === KOSOVO.name ? KOSOVO.code : undefined);

/** Longitudes and latitudes of an arc: each is a step from the one before. */
function decode(arc: number[][], { scale, translate }: Topology['transform']): number[][] {
  let [x, y] = [0, 0];
  return arc.map(([dx = 0, dy = 0]) => {
    x += dx;
    y += dy;
    return [x * scale[0]! + translate[0]!, y * scale[1]! + translate[1]!];
  });
}

/** A negative number is an arc from its end: ~n. */
function pathOf(ring: number[], points: number[][][]): string {
  const line = ring.flatMap((index, place) => {
    const arc = index < 0 ? points[~index]!.toReversed() : points[index]!;
    // The first point is the last one of the arc before.
    return place === 0 ? arc : arc.slice(1);
  });
  return onMap(line)
    .map((piece) => `M${piece.map(([longitude, latitude]) => project(longitude!, latitude!).map((part) => part.toFixed(1)).join(',')).join('L')}Z`)
    .join('');
}

/** A ring over the 180th meridian becomes two, one at each edge of the map. */
function onMap(ring: number[][]): number[][][] {
  let turn = 0;
  const whole = ring.map(([longitude = 0, latitude = 0], index) => {
    const step = index === 0 ? 0 : longitude - ring[index - 1]![0]!;
    if (Math.abs(step) > 180) turn -= 360 * Math.sign(step);
    return [longitude + turn, latitude];
  });
  if (whole.every(([longitude]) => Math.abs(longitude!) <= 180)) return [whole];
  const beyond = Math.sign(whole.find(([longitude]) => Math.abs(longitude!) > 180)![0]!);
  const other = whole.map(([longitude, latitude]) => [longitude! - 360 * beyond, latitude!]);
  return [cut(whole, beyond * 180, beyond), cut(other, beyond * -180, -beyond)].filter((piece) => piece.length > 2);
}

/** The part of a ring on the inner side of a meridian: west of it with `side` 1, east with -1. */
function cut(ring: number[][], meridian: number, side: number): number[][] {
  const inside = ([longitude]: number[]) => side * longitude! <= side * meridian;
  return ring.flatMap((point, index) => {
    const before = ring.at(index - 1)!;
    const share = (meridian - before[0]!) / (point[0]! - before[0]!);
    const crossing = inside(point) === inside(before) ? [] : [[meridian, before[1]! + share * (point[1]! - before[1]!)]];
    return inside(point) ? [...crossing, point] : crossing;
  });
}

const HALF_WIDTH = 0.8707 * Math.PI;
const TOP = 1.4224;

/** Degrees to the plane of the map by the Natural Earth projection (Patterson; polynomial of Šavrič and others, 2011). */
export function project(longitude: number, latitude: number): number[] {
  const [lambda, phi] = [(longitude * Math.PI) / 180, (latitude * Math.PI) / 180];
  const [p2, p4] = [phi ** 2, phi ** 4];
  const x = lambda * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4)));
  const y = phi * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4)));
  const unit = WIDTH / 2 / HALF_WIDTH;
  return [WIDTH / 2 + x * unit, (TOP - y) * unit];
}
