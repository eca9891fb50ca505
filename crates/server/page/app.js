// Which view an address means, the keys that work everywhere, and what stands above and below every view.

import { ask } from './api.js';
import { count } from './dom.js';
import { moveBy } from './hits.js';
import { map } from './map.js';
import { paper } from './paper.js';
import { search } from './search.js';
import { group, topic, topics } from './topics.js';

const view = document.getElementById('view');
let leaving = new AbortController();

/** The parts of an address: the view, what of it, and its parameters. */
function parse(hash) {
  const [path, parameters = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [name, ...rest] = path.split('/');
  let of = rest.join('/');
  try {
    of = decodeURIComponent(of);
  } catch {
    // What is no encoding is meant as it is.
  }
  return { name: name || 'search', of, parameters: new URLSearchParams(parameters) };
}

const TITLES = { search: 'Search', topics: 'Topics', topic: 'Topic', group: 'Group of topics', map: 'Map', paper: 'Paper' };

async function show(first) {
  leaving.abort();
  leaving = new AbortController();
  const { name, of, parameters } = parse(location.hash);
  const known = name in TITLES ? name : 'search';
  document.title = `${TITLES[known]} · syntopic`;
  document.body.dataset.view = known;
  for (const anchor of document.querySelectorAll('nav [data-view]')) {
    const here = anchor.dataset.view === known || ((known === 'topic' || known === 'group') && anchor.dataset.view === 'topics');
    if (here) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
  if (!first) {
    window.scrollTo(0, 0);
    view.focus({ preventScroll: true });
  }
  const { signal } = leaving;
  if (known === 'paper') await paper(view, of, signal);
  else if (known === 'topic') await topic(view, of, parameters, signal);
  else if (known === 'group') await group(view, of, signal);
  else if (known === 'topics') await topics(view, parameters, signal);
  else if (known === 'map') await map(view, parameters, signal);
  else await search(view, parameters, signal);
}

let going = false;
addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input:not([type=range], [type=checkbox]), textarea, select, dialog');
  if (event.key === 'Escape' && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const views = { s: '#/', t: '#/topics', m: '#/map' };
  if (going && views[event.key]) {
    location.hash = views[event.key];
    going = false;
    event.preventDefault();
    return;
  }
  going = event.key === 'g';
  if (event.key === '/') {
    const box = document.getElementById('text');
    if (!box) location.hash = '#/';
    setTimeout(() => document.getElementById('text')?.focus(), box ? 0 : 50);
    event.preventDefault();
  } else if (event.key === '?') document.getElementById('help').showModal();
  else if (moveBy(event.key, view)) event.preventDefault();
});
document.getElementById('keys').addEventListener('click', () => document.getElementById('help').showModal());
addEventListener('hashchange', () => show(false));

show(true);
ask('/api/stats').then((stats) => {
  const years = stats.from_year === undefined ? '' : `, ${stats.from_year} to ${stats.to_year}`;
  const unseen = stats.without_vector ? `, ${count(stats.without_vector, 'paper')} not embedded yet and not searched` : '';
  const work = stats.reembed ? ` · being embedded anew with ${stats.reembed.model}: ${stats.reembed.done} of ${stats.reembed.of}` : '';
  document.getElementById('stats').textContent = `${count(stats.papers, 'paper')}${years}${unseen} · model ${stats.model}${work} · syntopic ${stats.version}`;
}).catch(() => {});
