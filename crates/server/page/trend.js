// Papers a year, as bars: a small picture with its words for those who cannot see it.

import { count, h, svg } from './dom.js';

/** Bars of `counts`, one a period. */
export function bars(periods, counts, { width = 240, height = 48, labelled = false } = {}) {
  const most = Math.max(1, ...counts);
  const step = width / Math.max(1, counts.length);
  const peak = counts.indexOf(most);
  const words = counts.some(Boolean)
    ? `${count(counts.reduce((sum, n) => sum + n, 0), 'paper')} from ${periods[0]} to ${periods.at(-1)}, most in ${periods[peak]} (${most})`
    : 'no papers with a date';
  const picture = svg('svg', { class: 'trend', viewBox: `0 0 ${width} ${height + (labelled ? 16 : 0)}`, preserveAspectRatio: labelled ? 'xMinYMid' : 'none', role: 'img', 'aria-label': words },
    counts.map((n, at) => svg('rect', {
      x: (at * step + step * 0.1).toFixed(2), width: (step * 0.8).toFixed(2),
      y: (height - (n / most) * (height - 2)).toFixed(2), height: Math.max(n ? 1 : 0, (n / most) * (height - 2)).toFixed(2),
    }, svg('title', {}, `${periods[at]}: ${n}`))),
    labelled ? [svg('text', { x: 0, y: height + 13 }, periods[0] ?? ''), svg('text', { x: width, y: height + 13, 'text-anchor': 'end' }, periods.at(-1) ?? '')] : []);
  return picture;
}

const WORDS = { rising: ['↗', 'rising'], falling: ['↘', 'falling'], steady: ['→', 'steady'] };

/** Where a topic goes. */
export function direction(of) {
  const [arrow, word] = WORDS[of] ?? WORDS.steady;
  return h('span', { class: `direction ${of}` }, h('span', { 'aria-hidden': 'true' }, arrow), ` ${word}`);
}
