// Elements from words: every text goes in as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An element; `onclick` and the like are listeners, null attributes and children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same within a picture. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Says something to those who listen instead of looking. */
export function announce(text) {
  document.getElementById('status').textContent = text;
}

export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** A percentage of random pairs, with as many digits as tell it from 100. */
export function percent(value) {
  if (value >= 100) return '100%';
  const digits = value > 99.95 ? 3 : value > 99.5 ? 2 : 1;
  return `${Math.min(value, 99.999).toFixed(digits)}%`;
}

/** The address of a paper elsewhere, if it is one that may be followed. */
export function elsewhere(paper) {
  const arxiv = /^arxiv:(.+)$/i.exec(paper.id)?.[1];
  const given = paper.url || (arxiv ? `https://arxiv.org/abs/${arxiv}` : null) || (paper.doi ? `https://doi.org/${paper.doi.replace(/^https?:\/\/(dx\.)?doi\.org\//i, '')}` : null);
  if (!given) return null;
  try {
    const url = new URL(given);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

/** Authors as a line: the first ones, and how many there are. */
export function authors(list, most = 4) {
  if (list.length <= most) return list.join(', ');
  return `${list.slice(0, most - 1).join(', ')} and ${list.length - most + 1} more`;
}

/** A hue for a topic, far from those of its neighbours by number. */
export function hue(topic) {
  return Math.round((topic * 137.508) % 360);
}

/** The address of a view. */
export function link(view, parameters = {}) {
  const search = new URLSearchParams(parameters).toString();
  return `#/${view}${search ? `?${search}` : ''}`;
}

export const paperLink = (id) => `#/paper/${encodeURIComponent(id)}`;
export const topicLink = (id) => `#/topic/${id}`;
export const groupLink = (group) => `#/group/${group.level}/${group.id}`;
