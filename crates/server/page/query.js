// What is looked for: as an address that can be shared, as a form, and as the server takes it.

const FILTERS = ['venue', 'author', 'category', 'topic'];

/** Reads the query of an address. */
export function queryOf(parameters) {
  const all = (name) => parameters.getAll(name).map((value) => value.trim()).filter(Boolean);
  return {
    text: parameters.get('text')?.trim() ?? '',
    like: all('like'),
    unlike: all('unlike'),
    from: parameters.get('from') ?? '',
    to: parameters.get('to') ?? '',
    ...Object.fromEntries(FILTERS.map((name) => [name, all(name)])),
    near: all('near'),
    mode: ['semantic', 'lexical'].includes(parameters.get('mode')) ? parameters.get('mode') : 'hybrid',
    diverse: parameters.get('diverse') === '1',
    limit: Math.min(Math.max(Number.parseInt(parameters.get('limit') ?? '', 10) || 20, 1), 200),
  };
}

/** The parameters of the query's address, without what is left as it is. */
export function parametersOf(query) {
  const parameters = new URLSearchParams();
  if (query.text) parameters.set('text', query.text);
  for (const name of ['like', 'unlike', 'near', ...FILTERS]) query[name].forEach((value) => parameters.append(name, value));
  for (const name of ['from', 'to']) if (query[name]) parameters.set(name, query[name]);
  if (query.mode !== 'hybrid') parameters.set('mode', query.mode);
  if (query.diverse) parameters.set('diverse', '1');
  if (query.limit !== 20) parameters.set('limit', query.limit);
  return parameters;
}

/** Whether anything is asked. */
export const asks = (query) => Boolean(query.text || query.like.length || query.near.length);

/** How many filters are set. */
export const nFilters = (query) => FILTERS.filter((name) => query[name].length).length + Number(Boolean(query.from || query.to));

/** What a paper must be. */
export function filterOf(query) {
  const filter = {};
  if (query.from) filter.from_year = Number.parseInt(query.from, 10);
  if (query.to) filter.to_year = Number.parseInt(query.to, 10);
  for (const name of FILTERS) if (query[name].length) filter[name] = query[name];
  return filter;
}

/** The body of a request for related papers. */
export function bodyOf(query, explain) {
  const ids = (list) => list.map((id) => ({ id }));
  return {
    like: [...(query.text ? [{ text: query.text }] : []), ...ids(query.like), ...query.near.map((topic) => ({ topic }))],
    unlike: ids(query.unlike),
    filter: filterOf(query),
    mode: query.mode,
    diverse: query.diverse,
    explain,
    limit: query.limit,
  };
}

/** The query with a paper among those that are liked or not, and no longer on the other side. */
export function steered(query, side, id) {
  const other = side === 'like' ? 'unlike' : 'like';
  const without = (list) => list.filter((known) => known !== id);
  return { ...query, [side]: [...without(query[side]), id], [other]: without(query[other]) };
}

/** Words that name the query. */
export function nameOf(query, titles = new Map()) {
  const short = (text) => (text.length > 60 ? `${text.slice(0, 57)}…` : text);
  const liked = query.like.map((id) => titles.get(id) ?? id);
  const parts = [query.text, ...liked, ...query.near.map((topic) => `topic ${topic}`)].filter(Boolean);
  return parts.length > 1 ? `${short(parts[0])} and ${parts.length - 1} more` : short(parts[0] ?? 'everything');
}
