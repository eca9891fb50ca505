// The topics of the library, and one of them.

import { ask, askUntilDone, hierarchy, topics as known } from './api.js';
import { announce, count, groupLink, h, hue, link, paperLink, topicLink } from './dom.js';
import { card, listBar, paint, problem } from './hits.js';
import { bars, direction } from './trend.js';

const STATES = {
  none: 'This library has no topics yet.',
  stale: 'Papers have changed since the topics were made.',
};

/** Offers to make topics, and tells how far that is. */
function maker(state, then) {
  const told = h('p', { class: 'small', role: 'status' });
  const make = async (event) => {
    event.currentTarget.disabled = true;
    const tell = (at) => { told.textContent = `${at.step}${at.of > 1 ? ` ${at.done} of ${at.of}` : ''}…`; };
    try {
      // New ones in groups, so that the map has names at every distance; those there are stay grouped as they are.
      await askUntilDone('/api/topics', { method: 'POST', body: state === 'none' ? { depth: 2 } : {} }, tell);
      await known(true);
      then();
    } catch (error) {
      told.textContent = error.message;
    }
  };
  return h('div', { class: 'problem' }, h('p', {}, STATES[state]),
    h('button', { type: 'button', class: 'main', onclick: make }, state === 'stale' ? 'Bring them up to date' : 'Make topics'), told);
}

/** Groups that something lies in, as a way back. */
function trail(parents) {
  return h('nav', { 'aria-label': 'Groups', class: 'trail' }, h('a', { href: '#/topics' }, 'All topics'),
    parents.map((group) => [' › ', h('a', { href: groupLink(group) }, group.name)]));
}

function row(topic, most, trend, periods, level = 'h2') {
  const share = h('span', { class: 'bar', 'aria-hidden': 'true' }, h('span', {}));
  share.firstChild.style.width = `${(100 * topic.size) / most}%`;
  return h('li', { class: 'card topic-card', 'data-id': topic.id, 'data-hue': hue(topic.id) },
    h(level, {}, h('a', { href: topicLink(topic.id) }, topic.name)),
    h('p', { class: 'row' }, share, count(topic.size, 'paper'), trend ? direction(trend.direction) : null),
    h('p', { class: 'words' }, topic.terms.slice(0, 8).join(' · ')),
    trend ? bars(periods, trend.counts) : null,
    h('ul', { class: 'examples' }, topic.examples.map((paper) => h('li', {}, h('a', { href: paperLink(paper.id) }, paper.title)))));
}

/** Numbers of the topics in a group, whatever its level. */
function topicsIn(group, list) {
  let inside = new Set([group.id]);
  for (let level = group.level + 1; level < list.levels; level += 1) {
    inside = new Set(list.groups.filter((one) => one.level === level && inside.has(one.parent)).map((one) => one.id));
  }
  return new Set(list.topics.filter((topic) => inside.has(topic.parent)).map((topic) => topic.id));
}

const ORDERS = {
  size: (a, b) => b.size - a.size || a.id - b.id,
  name: (a, b) => a.name.localeCompare(b.name),
  rising: (a, b) => (b.trend?.slope ?? 0) - (a.trend?.slope ?? 0),
};

/** Draws the list of topics. */
export async function topics(view, parameters, signal) {
  try {
    const list = await hierarchy(true);
    if (list.state !== 'current') {
      view.replaceChildren(h('h1', {}, 'Topics'), maker(list.state, () => topics(view, parameters, signal)));
      return;
    }
    const over = await ask('/api/over-time', { signal }).catch(() => null);
    const trends = new Map((over && over.dated ? over.topics : []).map((topic) => [topic.id, topic]));
    const all = list.topics.map((topic) => ({ ...topic, trend: trends.get(topic.id) }));
    const order = parameters.get('by') in ORDERS ? parameters.get('by') : 'size';
    const words = (parameters.get('words') ?? '').toLowerCase();
    const shown = all.filter((topic) => !words || [topic.name, ...topic.terms].some((text) => text.toLowerCase().includes(words)));
    const most = Math.max(1, ...all.map((topic) => topic.size));
    const change = (event) => {
      event.preventDefault();
      const form = event.currentTarget.elements;
      location.hash = link('topics', { ...(form.by.value !== 'size' ? { by: form.by.value } : {}), ...(form.words.value.trim() ? { words: form.words.value.trim() } : {}) });
    };
    const cards = (some, level) => h('ol', { class: 'cards grid-of-cards' }, some.sort(ORDERS[order]).map((topic) => row(topic, most, topic.trend, over?.periods, level)));
    // Grouped where nothing else was asked for.
    const sections = () => list.groups.filter((group) => group.level === 0).sort((a, b) => b.size - a.size).map((group) => {
      const inside = topicsIn(group, list);
      return h('section', {}, h('h2', {}, h('a', { href: groupLink(group) }, group.name), h('span', { class: 'small' }, ` ${count(group.size, 'paper')}`)),
        cards(all.filter((topic) => inside.has(topic.id)), 'h3'));
    });
    const orders = [['size', list.levels ? 'in groups' : 'largest first'], ['name', 'by name'], ...(trends.size ? [['rising', 'rising first']] : [])];
    view.replaceChildren(
      h('h1', {}, `${count(all.length, 'topic')}`),
      h('form', { class: 'row', onsubmit: change, onchange: change },
        h('label', {}, 'With the words ', h('input', { name: 'words', value: words, type: 'search' })),
        h('label', {}, 'Order ', h('select', { name: 'by' }, orders.map(([value, label]) => h('option', { value, selected: value === order }, label)))),
        h('a', { href: '#/map' }, 'On the map')),
      list.outliers ? h('p', { class: 'small' }, `${count(list.outliers, 'paper is', 'papers are')} far from every topic, and in the nearest all the same.`) : '',
      ...(list.levels && order === 'size' && !words ? sections() : [cards(shown, 'h2')]));
    paint(view);
    announce(count(shown.length, 'topic'));
  } catch (error) {
    if (!signal.aborted) view.replaceChildren(h('h1', {}, 'Topics'), problem(error, () => topics(view, parameters, signal)));
  }
}

/** Draws one topic. */
export async function topic(view, id, parameters, signal) {
  const step = 50;
  const offset = Math.max(0, Number.parseInt(parameters.get('offset') ?? '', 10) || 0);
  try {
    const page = await ask(`/api/topics/${encodeURIComponent(id)}?offset=${offset}&limit=${step}`, { signal });
    const turn = (to, words) => (to >= 0 && to < page.size && to !== offset ? h('a', { href: `${topicLink(id)}?offset=${to}` }, words) : null);
    const trend = page.over_time;
    view.replaceChildren(
      trail(page.parents),
      h('h1', { 'data-hue': hue(page.id), class: 'topic-title' }, page.name),
      h('p', { class: 'row' }, count(page.size, 'paper'), trend ? direction(trend.direction) : null,
        page.outliers ? h('span', { class: 'small' }, `${page.outliers} of them far from every topic`) : null),
      page.seed ? h('p', { class: 'small' }, `Asked for by: ${page.seed}`) : '',
      h('p', { class: 'words' }, page.terms.join(' · ')),
      trend ? h('figure', {}, bars(trend.periods, trend.counts, { width: 480, height: 72, labelled: true }), h('figcaption', { class: 'small' }, 'Papers a year')) : null,
      h('div', { class: 'row' }, h('a', { href: link('search', { near: page.id }) }, 'Papers near it'),
        h('a', { href: link('search', { topic: page.id }) }, 'Search within it'), h('a', { href: link('map', { topic: page.id }) }, 'On the map')),
      h('h2', {}, 'Papers, the most central first'),
      listBar(page.papers.map((paper) => paper.id), `topic-${page.id}`),
      h('ol', { class: 'cards', start: offset + 1 }, page.papers.map((paper) => card({ ...paper, topic: null }, { level: 'h3' }))),
      h('nav', { class: 'row', 'aria-label': 'Pages' }, turn(offset - step, 'Before'), turn(offset + step, 'Further')));
    paint(view);
    announce(page.name);
  } catch (error) {
    if (!signal.aborted) view.replaceChildren(h('h1', {}, 'Topic'), problem(error, () => topic(view, id, parameters, signal)));
  }
}

/** Most topics by which papers are asked for at once. */
const MOST = 100;

/** Draws a group of topics: what it lies in, what lies in it, and its papers. */
export async function group(view, of, signal) {
  const [level, id] = of.split('/').map(Number);
  try {
    const list = await hierarchy();
    const find = (at, number) => list.groups.find((one) => one.level === at && one.id === number);
    const found = find(level, id);
    if (!found) throw new Error('There is no such group of topics.');
    const parents = [];
    for (let above = find(level - 1, found.parent); above; above = find(above.level - 1, above.parent)) parents.unshift(above);
    const inside = topicsIn(found, list);
    const topicsOf = list.topics.filter((topic) => inside.has(topic.id)).sort(ORDERS.size);
    const groups = list.groups.filter((one) => one.level === level + 1 && one.parent === id).sort((a, b) => b.size - a.size);
    const most = Math.max(1, ...topicsOf.map((topic) => topic.size));
    const groupRow = (one) => h('li', { class: 'card topic-card' }, h('h3', {}, h('a', { href: groupLink(one) }, one.name)),
      h('p', {}, `${count(one.size, 'paper')} in ${count(topicsIn(one, list).size, 'topic')}`), h('p', { class: 'words' }, one.terms.slice(0, 8).join(' · ')));
    const papers = h('section', {});
    view.replaceChildren(
      trail(parents),
      h('h1', {}, found.name),
      h('p', {}, `${count(found.size, 'paper')} in ${count(topicsOf.length, 'topic')}`),
      h('p', { class: 'words' }, found.terms.join(' · ')),
      h('p', {}, h('a', { href: link('map', { group: `${level}.${id}` }) }, 'On the map')),
      h('h2', {}, groups.length ? 'Groups in it' : 'Topics in it'),
      h('ol', { class: 'cards grid-of-cards' }, groups.length ? groups.map(groupRow) : topicsOf.map((topic) => row(topic, most, null, null, 'h3'))),
      papers);
    paint(view);
    announce(found.name);
    const parameters = new URLSearchParams({ limit: 50 });
    topicsOf.slice(0, MOST).forEach((topic) => parameters.append('topic', topic.id));
    const answer = await ask(`/api/papers?${parameters}`, { signal });
    papers.replaceChildren(h('h2', {}, 'Papers'), listBar(answer.papers.map((paper) => paper.id), `group-${level}-${id}`),
      h('ol', { class: 'cards' }, answer.papers.map((paper) => card(paper, { level: 'h3' }))),
      answer.total > answer.papers.length ? h('p', { class: 'small' }, `and ${count(answer.total - answer.papers.length, 'more', 'more')}: its topics list them`) : '');
    paint(papers);
  } catch (error) {
    if (!signal.aborted) view.replaceChildren(h('h1', {}, 'Group of topics'), problem(error, () => group(view, of, signal)));
  }
}
