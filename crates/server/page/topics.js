// The topics of the library, and one of them.

import { ask, askUntilDone, topics as known } from './api.js';
import { announce, count, h, hue, link, paperLink, topicLink } from './dom.js';
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
      await askUntilDone('/api/topics', { method: 'POST', body: {} }, tell);
      await known(true);
      then();
    } catch (error) {
      told.textContent = error.message;
    }
  };
  return h('div', { class: 'problem' }, h('p', {}, STATES[state]),
    h('button', { type: 'button', class: 'main', onclick: make }, state === 'stale' ? 'Bring them up to date' : 'Make topics'), told);
}

function row(topic, most, trend, periods) {
  const share = h('span', { class: 'bar', 'aria-hidden': 'true' }, h('span', {}));
  share.firstChild.style.width = `${(100 * topic.size) / most}%`;
  return h('li', { class: 'card topic-card', 'data-id': topic.id, 'data-hue': hue(topic.id) },
    h('h2', {}, h('a', { href: topicLink(topic.id) }, topic.name)),
    h('p', { class: 'row' }, share, count(topic.size, 'paper'), trend ? direction(trend.direction) : null),
    h('p', { class: 'words' }, topic.terms.slice(0, 8).join(' · ')),
    trend ? bars(periods, trend.counts) : null,
    h('ul', { class: 'examples' }, topic.examples.map((paper) => h('li', {}, h('a', { href: paperLink(paper.id) }, paper.title)))));
}

const ORDERS = {
  size: (a, b) => b.size - a.size || a.id - b.id,
  name: (a, b) => a.name.localeCompare(b.name),
  rising: (a, b) => (b.trend?.slope ?? 0) - (a.trend?.slope ?? 0),
};

/** Draws the list of topics. */
export async function topics(view, parameters, signal) {
  try {
    const list = await known(true);
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
    const orders = [['size', 'largest first'], ['name', 'by name'], ...(trends.size ? [['rising', 'rising first']] : [])];
    view.replaceChildren(
      h('h1', {}, `${count(all.length, 'topic')}`),
      h('form', { class: 'row', onsubmit: change, onchange: change },
        h('label', {}, 'With the words ', h('input', { name: 'words', value: words, type: 'search' })),
        h('label', {}, 'Order ', h('select', { name: 'by' }, orders.map(([value, label]) => h('option', { value, selected: value === order }, label)))),
        h('a', { href: '#/map' }, 'On the map')),
      h('ol', { class: 'cards grid-of-cards' }, shown.sort(ORDERS[order]).map((topic) => row(topic, most, topic.trend, over?.periods))));
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
      h('p', {}, h('a', { href: '#/topics' }, 'All topics')),
      h('h1', { 'data-hue': hue(page.id), class: 'topic-title' }, page.name),
      h('p', { class: 'row' }, count(page.size, 'paper'), trend ? direction(trend.direction) : null),
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
