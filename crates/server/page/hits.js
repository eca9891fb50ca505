// Papers in a list, as one wants to read them.

import { announce, authors, count, elsewhere, h, hue, paperLink, percent, topicLink } from './dom.js';
import { save } from './api.js';

/** Year, venue and authors, as far as they are known. */
export function byline(paper) {
  const parts = [paper.year, paper.venue, authors(paper.authors)].filter(Boolean);
  return h('p', { class: 'byline' }, parts.join(' · '));
}

export function topicChip(topic) {
  if (!topic) return null;
  return h('a', { class: 'chip topic', href: topicLink(topic.id), 'data-hue': hue(topic.id) }, topic.name);
}

/** The text with its marked sentence, found again whatever the spaces are. */
function marked(text, sentence) {
  const at = sentence ? text.indexOf(sentence) : -1;
  if (at < 0) return [text];
  return [text.slice(0, at), h('mark', {}, sentence), text.slice(at + sentence.length)];
}

function meter(percentile) {
  if (percentile === undefined) return null;
  const shown = percent(percentile);
  const bar = h('span', { class: 'bar', 'aria-hidden': 'true' }, h('span', {}));
  // Most hits are above 90: what is below takes a tenth of the bar.
  bar.firstChild.style.width = `${percentile < 90 ? percentile / 9 : 10 + (percentile - 90) * 9}%`;
  return h('p', { class: 'closer', title: 'Of random pairs of papers of this library, so many are less alike' },
    bar, `closer than ${shown} of pairs`);
}

function why(hit, topics) {
  const parts = [];
  const { sentences, shared_words: words } = hit.why;
  if (sentences) {
    parts.push(h('dl', { class: 'sentences' },
      h('dt', {}, 'You'), h('dd', {}, sentences.query),
      h('dt', {}, 'This'), h('dd', {}, h('mark', {}, sentences.hit))));
  }
  if (words.length) {
    parts.push(h('p', { class: 'words' }, 'Both say ', words.slice(0, 8).map((word, at) => [at ? ', ' : '', h('em', {}, word)])));
  }
  if (hit.paper.topic && topics?.has(hit.paper.topic.id)) {
    parts.push(h('p', { class: 'words' }, `Both are in the topic ${hit.paper.topic.name}`));
  }
  return parts;
}

/** One paper. `steer(side, id)` is offered where a list can be steered; `hit` says why it is there. */
export function card(paper, { hit, steer, topics, level = 'h2' } = {}) {
  const away = elsewhere(paper);
  const abstract = paper.abstract
    ? h('details', { class: 'abstract' }, h('summary', {}, 'Abstract'),
        h('p', {}, marked(paper.abstract, hit?.why.sentences?.hit)))
    : h('p', { class: 'small' }, 'No abstract is known.');
  const versions = hit?.versions.length
    ? h('p', { class: 'small' }, 'Also here as ', hit.versions.map((version, at) => [at ? ', ' : '',
        h('a', { href: paperLink(version.id) }, `${version.id}${version.year ? ` (${version.year})` : ''}`)]))
    : null;
  const steering = steer
    ? [
        h('button', { type: 'button', class: 'quiet', 'data-steer': 'like', onclick: () => steer('like', paper.id, paper.title) }, 'More like this'),
        h('button', { type: 'button', class: 'quiet', 'data-steer': 'unlike', onclick: () => steer('unlike', paper.id, paper.title) }, 'Less like this'),
      ]
    : null;
  const element = h('li', { class: 'card', 'data-id': paper.id },
    h(level, {}, h('a', { href: paperLink(paper.id) }, paper.title || '(no title)')),
    byline(paper),
    h('div', { class: 'row' }, topicChip(paper.topic), meter(hit?.why.percentile)),
    h('div', { class: 'why' }, hit ? why(hit, topics) : null),
    abstract, versions,
    h('div', { class: 'row' }, steering, away ? h('a', { href: away, target: '_blank', rel: 'noopener noreferrer' }, 'Open the paper') : null));
  paint(element);
  return element;
}

/** Gives chips the colours of their topics: a style of its own, which no attribute may set here. */
export function paint(element) {
  for (const chip of element.querySelectorAll('[data-hue]')) chip.style.setProperty('--hue', chip.dataset.hue);
}

const FORMATS = [['bibtex', 'BibTeX', 'bib'], ['csv', 'CSV', 'csv'], ['ris', 'RIS', 'ris'], ['csl-json', 'CSL-JSON', 'json'], ['jsonl', 'JSON lines', 'jsonl']];

/** What can be done with a whole list: save it, share its address, and whatever else is handed in. */
export function listBar(ids, name, ...more) {
  const select = h('select', { 'aria-label': 'Format' }, FORMATS.map(([value, label]) => h('option', { value }, label)));
  const said = h('span', { class: 'small', role: 'status' });
  const tell = (text) => { said.textContent = text; };
  const download = async () => {
    const [format, , ending] = FORMATS.find(([value]) => value === select.value);
    try {
      await save(format, ids, `${name}.${ending}`);
      tell(`${count(ids.length, 'paper')} saved`);
    } catch (error) {
      tell(error.message);
    }
  };
  const share = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      tell('The address is copied');
    } catch {
      tell('Copy the address from the bar above');
    }
  };
  return h('div', { class: 'row bar-of-list' }, select,
    h('button', { type: 'button', class: 'quiet', id: 'save', onclick: download }, `Save ${count(ids.length, 'paper')}`),
    h('button', { type: 'button', class: 'quiet', onclick: share }, 'Copy the address'), more, said);
}

/** What went wrong, with what may have been meant. */
export function problem(error, retry) {
  announce(error.message);
  return h('div', { class: 'problem', role: 'alert' }, h('p', {}, error.message),
    error.code === 'unknown_paper' && error.nearest.length ? h('p', {}, 'Did you mean ', error.nearest.map((near, at) => [at ? ', ' : '', h('a', { href: paperLink(near) }, near)]), '?') : null,
    retry ? h('button', { type: 'button', onclick: retry }, 'Try again') : null);
}

/** Moves through the cards of a view by keys; gives whether the key meant something. */
export function moveBy(key, root) {
  const cards = [...root.querySelectorAll('.card')];
  const at = cards.indexOf(document.activeElement?.closest('.card'));
  const current = cards[at];
  const go = (to) => {
    const target = cards[to]?.querySelector('a');
    target?.focus();
    target?.scrollIntoView({ block: 'nearest' });
  };
  if (key === 'j') go(Math.min(at + 1, cards.length - 1));
  else if (key === 'k') go(Math.max(at - 1, 0));
  else if (key === 'm') current?.querySelector('[data-steer=like]')?.click();
  else if (key === 'l') current?.querySelector('[data-steer=unlike]')?.click();
  else if (key === 'e') {
    const details = current?.querySelector('details');
    if (details) details.open = !details.open;
  } else return false;
  return true;
}
