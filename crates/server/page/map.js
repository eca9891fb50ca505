// The map of the library: papers near those they are like, linked with lists of them.

import { ask, askKept } from './api.js';
import { announce, count, groupLink, h, link, paperLink, topicLink } from './dom.js';
import { listBar, problem } from './hits.js';
import { Plane, handle } from './plane.js';
import { asks, bodyOf, nameOf, parametersOf, queryOf } from './query.js';

/** Papers of a selection that are listed beside the map. */
const LISTED = 300;

let kept;
/** The map as the server has it, kept until papers or topics change. */
async function dataOf(told, signal) {
  kept = await askKept('/api/map', kept, { signal }, told);
  return kept.data;
}

/** The names of groups and, at the finest level, of topics. */
function labelsOf(data) {
  const label = (of, level) => ({ x: of.x, y: of.y, size: of.size, text: of.name, id: of.id, level });
  const finest = data.groups.reduce((finest, group) => Math.max(finest, group.level + 1), 0);
  return [...data.groups.map((group) => label(group, group.level)), ...data.topics.map((topic) => label(topic, finest))];
}

function years(data) {
  const all = data.years.filter((year) => year !== null);
  return all.length ? [Math.min(...all.reduce(([low], year) => [Math.min(low, year)], [Infinity])), all.reduce((high, year) => Math.max(high, year), -Infinity)] : null;
}

/** Two sliders for the earliest and the latest year. */
function slider(span, parameters, change) {
  if (!span || span[0] === span[1]) return null;
  const input = (name, value) => h('input', { type: 'range', name, min: span[0], max: span[1], value, 'aria-label': name === 'since' ? 'Earliest year' : 'Latest year' });
  const since = input('since', parameters.get('since') ?? span[0]);
  const until = input('until', parameters.get('until') ?? span[1]);
  const shown = h('output', {});
  const told = () => {
    const [low, high] = [Number(since.value), Number(until.value)].sort((a, b) => a - b);
    shown.textContent = low === high ? `${low}` : `${low} to ${high}`;
    change(low === span[0] && high === span[1] ? null : [low, high]);
  };
  since.addEventListener('input', told);
  until.addEventListener('input', told);
  return { element: h('fieldset', { class: 'years' }, h('legend', {}, 'Years '), since, until, shown), told };
}

/** The view's state: what is drawn, and what stands beside it. */
class MapView {
  constructor(view, data, parameters, signal) {
    Object.assign(this, { data, parameters, signal });
    this.place = new Map(data.ids.map((id, at) => [id, at]));
    this.canvas = h('canvas', { class: 'plane', tabindex: 0, role: 'img', 'aria-label': `Map of ${count(data.ids.length, 'paper')} in ${count(data.topics.length, 'topic')}; the topics are listed at its side` });
    this.tip = h('div', { class: 'tip', hidden: true });
    this.side = h('aside', { class: 'beside', 'aria-label': 'Papers of the map', 'aria-live': 'polite' });
    this.lassoButton = h('button', { type: 'button', class: 'quiet', id: 'lasso', 'aria-pressed': 'false', title: 'Draw around papers to list them (or hold Shift)', onclick: () => this.toggleLasso() }, 'Lasso');
    this.plane = new Plane(this.canvas, {
      x: data.x, y: data.y, group: data.topic_of.map((at) => (at === null ? -1 : data.topics[at].id)),
      labels: labelsOf(data),
      textOf: (at) => data.titles[at],
    });
    this.topic = parameters.get('topic');
    this.group = null;
    this.between = null;
    const years_ = slider(years(data), parameters, (between) => { this.between = between; this.filter(); });
    const zoom = (label, title, act) => h('button', { type: 'button', class: 'quiet', title, 'aria-label': title, onclick: act }, label);
    view.replaceChildren(
      h('h1', { class: 'sr' }, 'Map'),
      h('div', { class: 'map' },
        h('div', { class: 'stage' }, this.canvas, this.tip,
          h('div', { class: 'tools row' }, zoom('+', 'Zoom in', () => this.plane.zoomAt(1.6)), zoom('−', 'Zoom out', () => this.plane.zoomAt(1 / 1.6)),
            zoom('⌂', 'Whole map', () => this.plane.look(0, 0, 1)), this.lassoButton, years_?.element)),
        this.side));
    this.watch();
    years_?.told();
  }

  toggleLasso() {
    const on = this.lassoButton.getAttribute('aria-pressed') !== 'true';
    this.lassoButton.setAttribute('aria-pressed', String(on));
    this.canvas.classList.toggle('lassoing', on);
  }

  watch() {
    const { plane, signal } = this;
    const sized = new ResizeObserver(() => plane.resize());
    sized.observe(this.canvas);
    signal.addEventListener('abort', () => sized.disconnect());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plane.resize(), { signal });
    handle(plane, {
      hover: (at, x, y) => this.hover(at, x, y),
      pick: (at, label) => {
        if (at >= 0) location.hash = paperLink(this.data.ids[at]);
        else if (label && label.level < plane.finest) this.showGroup(label.level, label.id);
        else if (label) this.showTopic(label.id);
      },
      lassoed: (points) => { this.toggleLassoOff(); this.list(points, `${count(points.length, 'paper')} in the lasso`); },
    }, { lassoing: () => this.lassoButton.getAttribute('aria-pressed') === 'true', signal });
    let timer;
    plane.moved = ({ x, y, zoom }) => {
      clearTimeout(timer);
      timer = setTimeout(() => this.remember({ x: x.toFixed(3), y: y.toFixed(3), zoom: zoom.toFixed(2) }), 250);
    };
  }

  toggleLassoOff() {
    if (this.lassoButton.getAttribute('aria-pressed') === 'true') this.toggleLasso();
  }

  /** Keeps the address that of what is seen, without leaving the view. */
  remember(values) {
    if (this.signal.aborted) return;
    for (const [name, value] of Object.entries(values)) {
      if (value === null) this.parameters.delete(name);
      else this.parameters.set(name, value);
    }
    history.replaceState(null, '', link('map', [...this.parameters]));
  }

  /** Fades what is not of the chosen years and topic. */
  filter() {
    const { data, plane, between, topic, group } = this;
    const topics = new Set(group ? group.topics : topic ? [Number(topic)] : []);
    for (let at = 0; at < data.ids.length; at += 1) {
      const year = data.years[at];
      const inTime = !between || (year !== null && year >= between[0] && year <= between[1]);
      const inTopic = !topics.size || (data.topic_of[at] !== null && topics.has(data.topics[data.topic_of[at]].id));
      plane.shown[at] = inTime && inTopic ? 1 : 0;
    }
    this.remember({ since: between ? between[0] : null, until: between ? between[1] : null, topic: topic ?? null, group: group ? `${group.level}.${group.id}` : null });
    plane.repaint();
  }

  hover(at, x = 0, y = 0) {
    this.tip.hidden = at < 0;
    if (at < 0) return;
    const { data } = this;
    const topic = data.topic_of[at] === null ? null : data.topics[data.topic_of[at]].name;
    this.tip.replaceChildren(h('strong', {}, data.titles[at]), h('br'), [data.years[at], topic].filter(Boolean).join(' · '));
    this.tip.style.left = `${Math.max(8, Math.min(x + 14, this.plane.width - 270))}px`;
    this.tip.style.top = `${y + 90 > this.plane.height ? y - 70 : y + 14}px`;
  }

  /** Lists points beside the map; `marked` are ringed. */
  list(points, title, more = null) {
    const { data, plane } = this;
    plane.marked = points.length > 2000 ? [] : points;
    plane.redraw();
    const item = (at) => {
      const row = h('li', {}, h('a', { href: paperLink(data.ids[at]) }, data.titles[at] || data.ids[at]), data.years[at] ? h('span', { class: 'small' }, ` ${data.years[at]}`) : null);
      const point = (to) => () => {
        plane.hovered = to;
        plane.redraw();
      };
      row.addEventListener('pointerenter', point(at));
      row.addEventListener('pointerleave', point(-1));
      row.addEventListener('focusin', point(at));
      row.addEventListener('focusout', point(-1));
      return row;
    };
    const rest = points.length > LISTED ? h('p', { class: 'small' }, `and ${count(points.length - LISTED, 'more', 'more')}`) : null;
    this.side.replaceChildren(h('div', { class: 'row' }, h('h2', {}, title), h('button', { type: 'button', class: 'quiet', onclick: () => this.legend() }, 'All topics')),
      ...[more, points.length ? listBar(points.slice(0, 10_000).map((at) => data.ids[at]), 'papers-of-the-map') : null,
        h('ol', { class: 'titles' }, points.slice(0, LISTED).map(item)), rest].filter(Boolean));
    announce(title);
  }

  /** Numbers of the topics in a group: its own, or those of the groups that lie in it. */
  topicsIn(level, id) {
    const { data, plane } = this;
    let inside = [id];
    for (let at = level + 1; at < plane.finest; at += 1) {
      inside = data.groups.filter((group) => group.level === at && inside.includes(group.parent)).map((group) => group.id);
    }
    return data.topics.filter((topic) => inside.includes(topic.parent)).map((topic) => topic.id);
  }

  showGroup(level, id) {
    const { data, plane } = this;
    const group = data.groups.find((one) => one.level === level && one.id === id);
    if (!group) return;
    [this.topic, this.group] = [null, { level, id, topics: this.topicsIn(level, id) }];
    this.filter();
    const topics = data.topics.filter((topic) => this.group.topics.includes(topic.id)).sort((a, b) => b.size - a.size);
    plane.marked = [];
    this.side.replaceChildren(h('div', { class: 'row' }, h('h2', {}, group.name), h('button', { type: 'button', class: 'quiet', onclick: () => this.legend() }, 'All topics')),
      h('p', {}, `${count(group.size, 'paper')} in ${count(topics.length, 'topic')} · `, h('a', { href: groupLink(group) }, 'About this group')),
      h('ul', { class: 'legend' }, topics.map((topic) => this.legendRow(topic))));
    announce(group.name);
  }

  showTopic(id) {
    const { data, plane } = this;
    [this.topic, this.group] = [String(id), null];
    this.filter();
    const points = data.ids.map((_, at) => at).filter((at) => data.topic_of[at] !== null && data.topics[data.topic_of[at]].id === id);
    const name = data.topics.find((topic) => topic.id === id)?.name ?? `topic ${id}`;
    this.list(points, `${name}: ${count(points.length, 'paper')}`, h('p', {}, h('a', { href: topicLink(id) }, 'About this topic')));
    plane.marked = [];
  }

  legendRow(topic) {
    const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = this.plane.colour(topic.id, 1);
    return h('li', {}, h('button', { type: 'button', class: 'plain', onclick: () => this.showTopic(topic.id) }, swatch, topic.name, h('span', { class: 'small' }, ` ${topic.size}`)));
  }

  /** The topics in their groups, by which the map is read without looking. */
  legend() {
    const { data, plane } = this;
    [this.topic, this.group] = [null, null];
    plane.marked = [];
    this.filter();
    const bySize = (a, b) => b.size - a.size;
    const rows = (topics) => h('ul', { class: 'legend' }, [...topics].sort(bySize).map((topic) => this.legendRow(topic)));
    const grouped = (group) => {
      const inside = new Set(this.topicsIn(0, group.id));
      return [h('h3', {}, h('button', { type: 'button', class: 'plain', onclick: () => this.showGroup(0, group.id) }, group.name, h('span', { class: 'small' }, ` ${group.size}`))),
        rows(data.topics.filter((topic) => inside.has(topic.id)))];
    };
    const groups = data.groups.filter((group) => group.level === 0).sort(bySize);
    this.side.replaceChildren(h('h2', {}, count(data.topics.length, 'topic')),
      ...(groups.length ? groups.flatMap(grouped) : [data.topics.length ? rows(data.topics) : h('p', {}, h('a', { href: '#/topics' }, 'Make topics'), ' to see their names here.')]));
  }

  /** What the address asks for: hits of a query, one paper, one topic, or the whole map. */
  async begin() {
    const { parameters, plane, place } = this;
    plane.resize();
    const query = queryOf(new URLSearchParams([...parameters].filter(([name]) => name !== 'topic' && name !== 'group')));
    const seen = ['x', 'y', 'zoom'].map((name) => Number(parameters.get(name)));
    const looks = parameters.has('zoom') && seen.every(Number.isFinite);
    const [topic, group] = ['topic', 'group'].map((name) => parameters.get(name) ?? this.asked.get(name));
    this.legend();
    if (parameters.has('paper') && place.has(parameters.get('paper'))) {
      const at = place.get(parameters.get('paper'));
      this.list([at], 'This paper');
      plane.look(plane.x[at], plane.y[at], 6);
    } else if (asks(query)) {
      const answer = await ask('/api/related', { method: 'POST', body: bodyOf(query, false), signal: this.signal });
      const points = answer.hits.map((hit) => place.get(hit.paper.id)).filter((at) => at !== undefined);
      this.list(points, `${count(points.length, 'paper')} related to ${nameOf(query)}`, h('p', {}, h('a', { href: link('search', parametersOf(query)) }, 'As a list')));
      if (!looks) plane.lookAt(points);
    } else if (group) this.showGroup(...group.split('.').map(Number));
    else if (topic) this.showTopic(Number(topic));
    if (looks) plane.look(...seen);
  }
}

/** Draws the view. */
export async function map(view, parameters, signal) {
  const told = h('p', { role: 'status' }, 'The map is fetched…');
  view.replaceChildren(h('h1', {}, 'Map'), told);
  const asked = new URLSearchParams(parameters);
  try {
    const data = await dataOf((at) => { told.textContent = `The map is laid out: ${at.step}${at.of > 1 ? ` ${at.done} of ${at.of}` : ''}…`; }, signal);
    const drawn = new MapView(view, data, parameters, signal);
    drawn.asked = asked;
    await drawn.begin();
  } catch (error) {
    if (!signal.aborted) view.replaceChildren(h('h1', {}, 'Map'), problem(error, () => map(view, parameters, signal)));
  }
}
