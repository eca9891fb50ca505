// The search: a text or papers to be like, what to leave out, and the papers found.

import { ask, topics } from './api.js';
import { announce, count, h, link } from './dom.js';
import { card, listBar, paint, problem } from './hits.js';
import { asks, bodyOf, filterOf, nameOf, nFilters, parametersOf, queryOf, steered } from './query.js';

/** Titles of papers seen, by which the list is steered. */
const titles = new Map();

const go = (query) => { location.hash = link('search', parametersOf(query)); };
const separate = (text) => text.split(';').map((part) => part.trim()).filter(Boolean);

function chips(query) {
  const chip = (side, name) => (value) => {
    const remove = () => go({ ...query, [side]: query[side].filter((other) => other !== value) });
    const shown = side === 'near' ? `topic ${name(value)}` : name(value);
    return h('li', { class: `chip ${side}` }, `${side === 'unlike' ? 'less like' : 'more like'} ${shown} `,
      h('button', { type: 'button', class: 'remove', 'aria-label': `Leave out ${shown}`, onclick: remove }, '×'));
  };
  const title = (id) => titles.get(id) ?? id;
  const all = [...query.like.map(chip('like', title)), ...query.near.map(chip('near', (t) => t)), ...query.unlike.map(chip('unlike', title))];
  return all.length ? h('ul', { class: 'chips', 'aria-label': 'The list is' }, all) : null;
}

function filters(query, known) {
  const field = (name, label, value, about) =>
    h('label', {}, label, h('input', { name, value, placeholder: about, autocomplete: 'off' }));
  const year = (name, label) =>
    h('label', {}, label, h('input', { name, value: query[name], inputmode: 'numeric', pattern: '-?[0-9]{1,4}', size: 5, title: 'A year, such as 2021' }));
  const options = known.map((topic) => h('option', { value: topic.id, selected: query.topic.includes(String(topic.id)) }, `${topic.name} (${topic.size})`));
  const modes = [['hybrid', 'meaning and words'], ['semantic', 'meaning alone'], ['lexical', 'words alone']];
  const set = nFilters(query);
  return h('details', { class: 'filters', open: set > 0 }, h('summary', {}, set ? `Filters (${set} set)` : 'Filters'),
    h('div', { class: 'grid' }, year('from', 'From year'), year('to', 'To year'),
      field('author', 'Author', query.author.join('; '), 'lecun'), field('venue', 'Venue', query.venue.join('; '), 'ICML; NeurIPS'),
      field('category', 'Category', query.category.join('; '), 'cs.LG'),
      options.length ? h('label', {}, 'Topic', h('select', { name: 'topic' }, h('option', { value: '' }, 'any'), options)) : null,
      h('label', {}, 'By', h('select', { name: 'mode' }, modes.map(([value, label]) => h('option', { value, selected: value === query.mode }, label)))),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'diverse', checked: query.diverse }), 'unlike each other too')));
}

function form(query, known) {
  const box = h('textarea', { name: 'text', id: 'text', rows: 4, placeholder: 'Paste an abstract, or type words', 'aria-label': 'Abstract or words' });
  box.value = query.text;
  const submit = (event) => {
    event.preventDefault();
    const given = event.currentTarget.elements;
    go({ ...query, text: box.value.trim(), from: given.from.value.trim(), to: given.to.value.trim(),
      author: separate(given.author.value), venue: separate(given.venue.value), category: separate(given.category.value),
      topic: given.topic?.value ? [given.topic.value] : [], mode: given.mode.value, diverse: given.diverse.checked, limit: 20 });
  };
  const element = h('form', { class: 'ask', role: 'search', onsubmit: submit }, box, filters(query, known),
    h('div', { class: 'row' }, h('button', { class: 'main' }, 'Find papers'),
      asks(query) || nFilters(query) ? h('a', { href: '#/' }, 'Begin anew') : null));
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && !box.value.includes('\n')) {
      event.preventDefault();
      element.requestSubmit();
    }
  });
  return element;
}

function draw(list, answer, query) {
  const steer = (side, id, title) => { titles.set(id, title); go(steered(query, side, id)); };
  answer.hits.forEach((hit) => titles.set(hit.paper.id, hit.paper.title));
  answer.like.concat(answer.unlike).forEach((asked) => asked.id && titles.set(asked.id, asked.title));
  const open = new Set([...list.querySelectorAll('details[open]')].map((details) => details.closest('.card').dataset.id));
  const focused = document.activeElement?.closest('.card')?.dataset.id;
  list.replaceChildren(...answer.hits.map((hit) => card(hit.paper, { hit, steer })));
  for (const element of list.children) {
    if (open.has(element.dataset.id)) element.querySelector('details')?.setAttribute('open', '');
    if (element.dataset.id === focused) element.querySelector('a').focus();
  }
}

function notesOf(answer) {
  const cut = answer.like.concat(answer.unlike).some((asked) => asked.truncated)
    ? ['The text is longer than the model reads: its beginning was compared.'] : [];
  const notes = [...cut, ...answer.notes];
  return notes.length ? h('details', { class: 'small' }, h('summary', {}, 'How it was searched'), h('ul', {}, notes.map((note) => h('li', {}, note)))) : null;
}

async function results(root, query, signal) {
  const body = (explain) => ask('/api/related', { method: 'POST', body: bodyOf(query, explain), signal });
  const started = h('p', { class: 'small' }, 'Searching…');
  root.replaceChildren(started);
  let answer = await body(false);
  const n = answer.hits.length;
  const list = h('ol', { class: 'cards' });
  const more = n >= query.limit && query.limit < 200
    ? h('button', { type: 'button', onclick: () => go({ ...query, limit: Math.min(query.limit * 2, 200) }) }, 'Show more') : null;
  const onMap = h('a', { href: link('map', parametersOf(query)) }, 'On the map');
  const heading = h('h1', { class: 'found', tabindex: -1 }, n ? `${count(n, 'paper')} related to ${nameOf(query, titles)}` : 'No paper passes');
  root.replaceChildren(heading, chips(query) ?? '', n ? listBar(answer.hits.map((hit) => hit.paper.id), 'related-papers', onMap) : '', list, more ?? '', notesOf(answer) ?? '');
  draw(list, answer, query);
  heading.textContent = n ? `${count(n, 'paper')} related to ${nameOf(query, titles)}` : 'No paper passes: fewer filters let more through';
  root.querySelector('.chips')?.replaceWith(chips(query) ?? '');
  announce(heading.textContent);
  // Why each is there takes longer to find out: the list is there before it.
  answer = await body(true);
  if (!signal.aborted && root.contains(list)) draw(list, answer, query);
}

/** Papers that pass a filter when nothing is asked, so that there is something to begin with. */
async function browse(root, query, signal) {
  const filter = filterOf(query);
  const parameters = new URLSearchParams({ limit: query.limit });
  for (const [name, value] of Object.entries(filter)) [value].flat().forEach((one) => parameters.append(name, one));
  const answer = await ask(`/api/papers?${parameters}`, { signal });
  answer.papers.forEach((paper) => titles.set(paper.id, paper.title));
  const steer = (side, id) => go(steered(query, side, id));
  const filtered = Object.keys(filter).length > 0;
  const heading = h('h1', { class: 'found' }, `${count(answer.total, 'paper')}${filtered ? ' pass the filters' : ' in the library'}`);
  const more = answer.total > query.limit && query.limit < 200
    ? h('button', { type: 'button', onclick: () => go({ ...query, limit: Math.min(query.limit * 2, 200) }) }, 'Show more') : '';
  root.replaceChildren(heading, filtered && answer.papers.length ? listBar(answer.papers.map((paper) => paper.id), 'papers') : '',
    h('ol', { class: 'cards' }, answer.papers.map((paper) => card(paper, { steer }))), more);
  announce(heading.textContent);
}

/** Draws the view. */
export async function search(view, parameters, signal) {
  const query = queryOf(parameters);
  const found = h('section', { class: 'results', 'aria-label': 'Papers' });
  const top = h('div', {}, form(query, []));
  view.replaceChildren(top, found);
  topics().then((known) => {
    if (!signal.aborted && known.topics.length && !top.contains(document.activeElement)) top.replaceChildren(form(query, known.topics));
  }).catch(() => {});
  try {
    if (asks(query)) await results(found, query, signal);
    else if (query.unlike.length) found.replaceChildren(h('p', {}, 'Say also what the papers are to be like.'), chips(query));
    else await browse(found, query, signal);
  } catch (error) {
    if (!signal.aborted) found.replaceChildren(problem(error, () => search(view, parameters, signal)), chips(query) ?? '');
  }
  paint(view);
}
