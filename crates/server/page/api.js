// What the server is asked, and what happens when it says no.

const KEY = 'syntopic-key';

/** An answer that is no success, or none at all. */
export class Failure extends Error {
  constructor(status, code, message, nearest = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.nearest = nearest;
  }
}

const wait = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

function askForKey() {
  const dialog = document.getElementById('ask-key');
  const form = dialog.querySelector('form');
  form.reset();
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(form.elements.key.value.trim()), { once: true });
  });
}

async function failure(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // What is in front of the server may answer in other words.
  }
  return new Failure(response.status, error.code, error.message ?? `the server answered ${response.status}`, error.nearest);
}

async function request(path, options, signal) {
  const headers = { ...(options.body ? { 'Content-Type': 'application/json' } : {}) };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(path, { ...options, headers, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(0, 'unreachable', 'the server does not answer: is `syntopic serve` still running?');
  }
}

/** The response to a request; waits where the server is busy, and asks for the key where it wants one. */
async function respond(path, { method = 'GET', body, signal } = {}) {
  const options = { method, body: body === undefined ? undefined : JSON.stringify(body) };
  for (let attempt = 0; ; attempt += 1) {
    const response = await request(path, options, signal);
    if (response.ok) return response;
    if (response.status === 401) {
      const key = await askForKey();
      if (!key) throw await failure(response);
      sessionStorage.setItem(KEY, key);
    } else if ((response.status === 429 || response.status === 503) && attempt < 4) {
      await wait(1000 * Math.max(1, Number(response.headers.get('Retry-After')) || 1), signal);
    } else {
      throw await failure(response);
    }
  }
}

/** The JSON that a request is answered with. */
export async function ask(path, options) {
  return (await respond(path, options)).json();
}

/** The same of work that takes its time: asks again until it is done. */
export async function askUntilDone(path, options, told) {
  for (let pause = 150; ; pause = Math.min(pause * 1.5, 2000)) {
    const response = await respond(path, options);
    const answer = await response.json();
    if (response.status !== 202) return answer;
    told(answer);
    await wait(pause, options?.signal);
  }
}

/** The same of an answer that is kept: `{ tag, data }`, the one at hand where the server has no other. */
export async function askKept(path, kept, options, told) {
  for (let pause = 150; ; pause = Math.min(pause * 1.5, 2000)) {
    const response = await respond(path, options);
    const tag = response.headers.get('ETag');
    if (kept && tag && kept.tag === tag) return kept;
    const data = await response.json();
    if (response.status !== 202) return { tag, data };
    told(data);
    await wait(pause, options?.signal);
  }
}

/** Saves papers as a file in a format of other tools. */
export async function save(format, ids, name) {
  const response = await respond('/api/export', { method: 'POST', body: { format, ids } });
  const url = URL.createObjectURL(await response.blob());
  const anchor = Object.assign(document.createElement('a'), { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

let kept;
/** The topics, asked for once until something may have changed them. */
export function topics(anew = false) {
  if (!kept || anew) {
    kept = ask('/api/topics');
    kept.catch(() => { kept = undefined; });
  }
  return kept;
}

/** The topics with the groups that they are in, if they are. */
export async function hierarchy(anew = false) {
  const list = await topics(anew);
  const groups = list.levels ? (await ask('/api/hierarchy')).groups : [];
  return { ...list, groups };
}
