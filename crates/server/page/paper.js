// One paper, and those related to it.

import { ask, askUntilDone } from './api.js';
import { announce, elsewhere, h, hue, link, topicLink } from './dom.js';
import { byline, card, listBar, paint, problem, topicChip } from './hits.js';
import { parametersOf, queryOf, steered } from './query.js';

function details(paper) {
  const rows = [['Id', paper.id], ['Date', paper.date], ['DOI', paper.doi], ['Categories', paper.categories.join(', ')]];
  return h('dl', { class: 'details' }, rows.filter(([, value]) => value).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

/** The other topics that a paper is in part, as soon as that is known. */
async function alsoIn(root, paper, signal) {
  if (!paper.topic) return;
  const { topics } = await askUntilDone(`/api/papers/${encodeURIComponent(paper.id)}/topics`, { signal }, () => {});
  const others = topics.filter((topic) => topic.id !== paper.topic.id && topic.weight >= 0.1).slice(0, 4);
  if (!others.length) return;
  root.append(h('span', { class: 'small' }, 'also '), ...others.map((topic) => h('a', { class: 'chip topic part', href: topicLink(topic.id), 'data-hue': hue(topic.id) }, `${topic.name} ${Math.round(100 * topic.weight)}%`)));
  paint(root);
}

async function related(root, paper, signal) {
  const path = `/api/papers/${encodeURIComponent(paper.id)}/related?limit=20`;
  const steer = (side, id) => {
    location.hash = link('search', parametersOf(steered({ ...queryOf(new URLSearchParams()), like: [paper.id] }, side, id)));
  };
  const topics = paper.topic ? new Set([paper.topic.id]) : null;
  const draw = (answer) => {
    const cards = answer.hits.map((hit) => card(hit.paper, { hit, steer, topics, level: 'h3' }));
    root.replaceChildren(h('h2', {}, 'Related papers'), listBar(answer.hits.map((hit) => hit.paper.id), 'related-papers',
      h('a', { href: link('search', { like: paper.id }) }, 'Filter and steer them')), h('ol', { class: 'cards' }, cards));
    paint(root);
  };
  draw(await ask(path, { signal }));
  draw(await ask(`${path}&explain=true`, { signal }));
}

/** Draws the view. */
export async function paper(view, id, signal) {
  try {
    const found = await ask(`/api/papers/${encodeURIComponent(id)}`, { signal });
    const away = elsewhere(found);
    const others = h('section', {}, h('h2', {}, 'Related papers'), h('p', { class: 'small' }, 'Searching…'));
    const about = h('div', { class: 'row' }, topicChip(found.topic), found.outlier ? h('span', { class: 'small' }, 'far from every topic: this one is the nearest') : null);
    view.replaceChildren(
      h('article', { class: 'paper' }, h('h1', {}, found.title || '(no title)'), byline({ ...found, authors: [] }),
        h('p', { class: 'all-authors' }, found.authors.join(', ')), about,
        h('p', { class: 'abstract-text' }, found.abstract ?? 'No abstract is known.'), details(found),
        h('div', { class: 'row' }, away ? h('a', { class: 'button', href: away, target: '_blank', rel: 'noopener noreferrer' }, 'Open the paper') : null,
          h('a', { href: link('map', { paper: found.id }) }, 'On the map'), listBar([found.id], 'paper'))),
      others);
    paint(view);
    document.title = `${found.title} · syntopic`;
    announce(found.title);
    // Said where it can be: the paper is there without it.
    alsoIn(about, found, signal).catch(() => {});
    await related(others, found, signal).catch((error) => {
      if (!signal.aborted) others.replaceChildren(h('h2', {}, 'Related papers'), problem(error));
    });
  } catch (error) {
    if (!signal.aborted) view.replaceChildren(h('h1', {}, 'Paper'), problem(error, () => paper(view, id, signal)));
  }
}
