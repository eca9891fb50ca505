"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const n = data.n;
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const places = new Uint16Array(bytes(data.places).buffer);
const related = new Uint32Array(bytes(data.related).buffer);
const cosines = new Int8Array(bytes(data.cosines).buffer);
const topic = Int32Array.from(data.topic);
const SIDE = 65535;

// ---- The view: a place p is on the screen at (p - middle) * scale + half the window, in CSS pixels.
const canvas = $("map");
const context = canvas.getContext("2d");
let wide = 0, high = 0, dots = 1, image = null, pixels = null;
let scale = 1, least = 1, middle = [SIDE / 2, SIDE / 2];
const screenX = (x) => (x - middle[0]) * scale + wide / 2;
const screenY = (y) => (y - middle[1]) * scale + high / 2;

// ---- What is shown: 0 not at all, 1 as background of a search, 2 in full.
const shown = new Uint8Array(n).fill(2);
const enabled = data.topics.map(() => true);
let enabledNone = true;
let matches = null;
let years = null, from = 0, to = 0;
let selected = -1, over = -1;
let colours = [], grey = 0, ground = 0;
const root = document.documentElement;

function refilter() {
  const whole = !years || (from <= years[0] && to >= years[1]);
  let count = 0;
  for (let i = 0; i < n; i++) {
    const year = data.year[i];
    const on = (topic[i] < 0 ? enabledNone : enabled[topic[i]]) && (whole || (year !== null && year >= from && year <= to));
    shown[i] = on ? (matches && !matches[i] ? 1 : 2) : 0;
    if (shown[i] === 2) count++;
  }
  const of = (k, what) => `${k.toLocaleString("en")} ${what}${k === 1 ? "" : "s"}`;
  $("count").textContent = (count === n ? of(n, "paper") : `${count.toLocaleString("en")} of ${of(n, "paper")}`)
    + (data.topics.length ? `, ${of(data.topics.length, "topic")}` : ", no topics");
  draw();
}

// ---- Points go straight into the picture's pixels: fast without any graphics card.
function packed(hex) {
  const v = parseInt(hex.slice(1), 16);
  return 0xff000000 | (v & 255) << 16 | (v >> 8 & 255) << 8 | v >> 16;
}
const discs = new Map();
// What a dot covers: for each pixel its place beside the middle, and how much of 256.
function disc(radius) {
  const key = Math.round(radius * 4);
  if (!discs.has(key)) {
    const r = key / 4, reach = Math.ceil(r + 0.5), part = [];
    for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
      const cover = Math.min(1, Math.max(0, r + 0.5 - Math.hypot(x, y)));
      if (cover > 0.03) part.push(x, y, Math.round(cover * 256));
    }
    discs.set(key, { reach, part: Int32Array.from(part) });
  }
  return discs.get(key);
}
function stamp({ reach, part }, px, py, colour, opacity) {
  const w = image.width, h = image.height, all = part.length;
  const inside = px >= reach && py >= reach && px < w - reach && py < h - reach;
  const redBlue = colour & 0xff00ff, green = colour & 0xff00;
  for (let k = 0; k < all; k += 3) {
    const x = px + part[k], y = py + part[k + 1];
    if (!inside && (x < 0 || y < 0 || x >= w || y >= h)) continue;
    const a = part[k + 2] * opacity >> 8, at = y * w + x, old = pixels[at], o = 256 - a;
    pixels[at] = 0xff000000
      | ((old & 0xff00ff) * o + redBlue * a >>> 8) & 0xff00ff
      | ((old & 0xff00) * o + green * a >>> 8) & 0xff00;
  }
}
function radius() {
  const base = Math.min(5, Math.max(1.1, 260 / Math.sqrt(Math.max(n, 1)) / 1.5));
  return Math.min(8, base * Math.pow(scale / least, 0.3));
}
let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; paint(); });
}
function paint() {
  if (!image) return;
  pixels.fill(ground);
  const r = radius() * dots, full = disc(r), faint = disc(Math.max(0.8, r * 0.7));
  const scaled = scale * dots, left = (middle[0] * scale - wide / 2) * dots, top = (middle[1] * scale - high / 2) * dots;
  const edge = r + 2, w = image.width + edge, h = image.height + edge;
  let inView = 0;
  for (let pass = matches ? 1 : 2; pass <= 2; pass++) {
    for (let i = 0; i < n; i++) {
      if (shown[i] !== pass) continue;
      const x = places[2 * i] * scaled - left, y = places[2 * i + 1] * scaled - top;
      if (x < -edge || y < -edge || x > w || y > h) continue;
      if (pass === 2) { inView++; stamp(full, x | 0, y | 0, topic[i] < 0 ? grey : colours[topic[i]], 215); }
      else stamp(faint, x | 0, y | 0, grey, 60);
    }
  }
  context.putImageData(image, 0, 0);
  context.setTransform(dots, 0, 0, dots, 0, 0);
  lines();
  names(inView);
}
const style = (name) => getComputedStyle(root).getPropertyValue(name).trim();
let ink = "#000", accent = "#00f", paperGround = "#fff", softInk = "#555";

// The paper that is open, and lines to those related to it.
function lines() {
  const ring = (i, size, line) => {
    context.beginPath();
    context.arc(screenX(places[2 * i]), screenY(places[2 * i + 1]), size, 0, 7);
    context.lineWidth = line;
    context.stroke();
  };
  const r = radius();
  if (selected >= 0) {
    context.strokeStyle = accent;
    const x = screenX(places[2 * selected]), y = screenY(places[2 * selected + 1]);
    for (let k = 0; k < data.n_related; k++) {
      const j = related[selected * data.n_related + k];
      context.globalAlpha = 0.5;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(screenX(places[2 * j]), screenY(places[2 * j + 1]));
      context.stroke();
      context.globalAlpha = 1;
      ring(j, r + 2, 1.2);
    }
    ring(selected, r + 4, 2.5);
  }
  if (over >= 0 && over !== selected) { context.strokeStyle = ink; ring(over, r + 2.5, 1.5); }
}

// ---- Names: larger topics first, none over another; more of each name, and titles at last, the nearer one looks.
const bySize = data.topics.map((_, t) => t).sort((a, b) => data.topics[b].size - data.topics[a].size || a - b);
let written = [];
function names(inView) {
  const near = scale / least;
  const phrases = near < 2 ? 1 : near < 5 ? 2 : 9;
  const taken = [];
  written = [];
  const place = (text, x, y, size, weight, colour, centred) => {
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    const width = context.measureText(text).width;
    const box = centred ? [x - width / 2 - 4, y - size * 0.7, x + width / 2 + 4, y + size * 0.7] : [x, y - size * 0.7, x + width + 4, y + size * 0.7];
    if (box[0] < 2 || box[2] > wide - 2 || box[1] < 2 || box[3] > high - 2) return;
    if (taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) return;
    taken.push(box);
    written.push(text);
    context.textAlign = centred ? "center" : "left";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = paperGround;
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  };
  const most = data.topics.length ? data.topics[bySize[0]].size : 1;
  for (const t of bySize) {
    if (!enabled[t]) continue;
    const it = data.topics[t];
    const size = Math.round(11 + 5 * Math.sqrt(it.size / most));
    const short = it.name.split(", ").slice(0, phrases).join(", ");
    place(short, screenX(it.place[0]), screenY(it.place[1]), size, 600, ink, true);
  }
  if (inView > 0 && inView <= 150) {
    const r = radius();
    for (let i = 0; i < n; i++) {
      if (shown[i] !== 2) continue;
      const x = screenX(places[2 * i]), y = screenY(places[2 * i + 1]);
      if (x < 0 || y < 0 || x > wide || y > high) continue;
      place(short(called(i), 46), x + r + 4, y, 11, 400, softInk, false);
    }
  }
}
const short = (text, most) => text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text;
const called = (i) => data.name[i] || data.id[i];

// ---- Which point is under the pointer: points by the squares of a grid.
const GRID = 128;
const square = (x) => Math.min(GRID - 1, Math.max(0, Math.floor(x * GRID / (SIDE + 1))));
const begins = new Uint32Array(GRID * GRID + 1), members = new Uint32Array(n);
for (let i = 0; i < n; i++) begins[square(places[2 * i + 1]) * GRID + square(places[2 * i]) + 1]++;
for (let c = 0; c < GRID * GRID; c++) begins[c + 1] += begins[c];
{
  const next = begins.slice();
  for (let i = 0; i < n; i++) members[next[square(places[2 * i + 1]) * GRID + square(places[2 * i])]++] = i;
}
function pointAt(px, py, reach) {
  const x = (px - wide / 2) / scale + middle[0], y = (py - high / 2) / scale + middle[1], d = reach / scale;
  let best = -1, nearest = d * d;
  for (let row = square(y - d); row <= square(y + d); row++) for (let column = square(x - d); column <= square(x + d); column++) {
    const cell = row * GRID + column;
    for (let at = begins[cell]; at < begins[cell + 1]; at++) {
      const i = members[at];
      if (shown[i] === 0) continue;
      const far = (places[2 * i] - x) ** 2 + (places[2 * i + 1] - y) ** 2 + (shown[i] === 1 ? nearest / 2 : 0);
      if (far < nearest) { nearest = far; best = i; }
    }
  }
  return best;
}

// ---- Moving about.
function zoom(factor, px = wide / 2, py = high / 2) {
  const next = Math.min(least * 400, Math.max(least * 0.7, scale * factor));
  const x = (px - wide / 2) / scale + middle[0], y = (py - high / 2) / scale + middle[1];
  scale = next;
  middle = [x - (px - wide / 2) / scale, y - (py - high / 2) / scale];
  bound();
  draw();
}
function pan(dx, dy) {
  middle = [middle[0] - dx / scale, middle[1] - dy / scale];
  bound();
  draw();
}
function bound() { middle = middle.map((m) => Math.min(SIDE, Math.max(0, m))); }
function showAll() {
  // Beside the boxes at the left, where there is room for both.
  const left = wide > 900 ? 300 : 0;
  scale = least = Math.min((wide - left - 70) / SIDE, (high - (wide > 700 ? 90 : 190)) / SIDE);
  middle = [SIDE / 2 - left / 2 / scale, SIDE / 2 + (wide > 700 ? 20 : 0) / scale];
  draw();
}
function goTo(i) {
  const panel = wide > 700 ? [200, 0] : [0, high * 0.28];
  if (scale < least * 6) scale = least * 6;
  middle = [places[2 * i] + panel[0] / scale, places[2 * i + 1] + panel[1] / scale];
  draw();
}
function resize() {
  const before = [wide, high];
  dots = Math.min(2, window.devicePixelRatio || 1);
  wide = window.innerWidth;
  high = window.innerHeight;
  canvas.width = Math.max(1, Math.round(wide * dots));
  canvas.height = Math.max(1, Math.round(high * dots));
  image = context.createImageData(canvas.width, canvas.height);
  pixels = new Uint32Array(image.data.buffer);
  if (before[0] === 0) showAll(); else draw();
}
const fingers = new Map();
let travelled = 0, spread = 0;
canvas.addEventListener("pointerdown", (e) => {
  canvas.setPointerCapture(e.pointerId);
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
  if (fingers.size === 1) travelled = 0;
  spread = 0;
  hover(-1);
});
canvas.addEventListener("pointermove", (e) => {
  const before = fingers.get(e.pointerId);
  if (!before) {
    if (e.pointerType !== "touch") hover(pointAt(e.clientX, e.clientY, 10), e.clientX, e.clientY);
    return;
  }
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
  const dx = e.clientX - before[0], dy = e.clientY - before[1];
  travelled += Math.abs(dx) + Math.abs(dy);
  if (travelled > 5) canvas.classList.add("moving");
  if (fingers.size === 1) { if (travelled > 5) pan(dx, dy); return; }
  const [a, b] = [...fingers.values()];
  const apart = Math.hypot(a[0] - b[0], a[1] - b[1]);
  travelled += 10;
  pan(dx / 2, dy / 2);
  if (spread > 0 && apart > 0) zoom(apart / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
  spread = apart;
});
function lifted(e) {
  if (!fingers.delete(e.pointerId)) return;
  canvas.classList.remove("moving");
  if (e.type === "pointerup" && travelled <= 5 && fingers.size === 0) {
    open(pointAt(e.clientX, e.clientY, e.pointerType === "touch" ? 22 : 10));
  }
}
canvas.addEventListener("pointerup", lifted);
canvas.addEventListener("pointercancel", lifted);
canvas.addEventListener("pointerleave", () => hover(-1));
canvas.addEventListener("wheel", (e) => {
  e.preventDefault();
  const lines = e.deltaMode === 1 ? 30 : 1;
  zoom(Math.exp(-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.0018)), e.clientX, e.clientY);
}, { passive: false });
canvas.addEventListener("dblclick", (e) => zoom(2, e.clientX, e.clientY));
canvas.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const step = e.shiftKey ? 250 : 60;
  const keys = {
    ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0), ArrowUp: () => pan(0, step), ArrowDown: () => pan(0, -step),
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: showAll,
    Enter: () => open(pointAt(wide / 2, high / 2, 120), true),
  };
  if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape") {
    if ($("search").value) { $("search").value = ""; find(); }
    else if (selected >= 0) { open(-1); canvas.focus(); }
  } else if (e.key === "/" && !/INPUT/.test(document.activeElement.tagName)) {
    e.preventDefault();
    $("search").focus();
  }
});

// ---- What is said of a paper.
const make = (tag, text, classes) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (classes) element.className = classes;
  return element;
};
const venue = (i) => data.venue[i] < 0 ? "" : data.venues[data.venue[i]];
const when = (i) => [venue(i), data.year[i]].filter((x) => x !== "" && x !== null).join(", ");
function hover(i, x, y) {
  const tip = $("tip");
  canvas.classList.toggle("over", i >= 0);
  if (i !== over) {
    over = i;
    tip.replaceChildren();
    if (i >= 0) {
      tip.append(make("div", called(i)));
      if (when(i)) tip.append(make("div", when(i), "soft"));
      if (topic[i] >= 0) tip.append(make("div", data.topics[topic[i]].name, "soft"));
    }
    tip.hidden = i < 0;
    draw();
  }
  if (i >= 0) {
    tip.style.left = `${Math.max(4, Math.min(x + 14, wide - tip.offsetWidth - 6))}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > high ? y - tip.offsetHeight - 10 : y + 18}px`;
  }
}
function open(i, move) {
  const panel = $("paper");
  selected = i;
  panel.replaceChildren();
  panel.hidden = i < 0;
  if (i < 0) { draw(); return; }
  const close = make("button", "×", "close");
  close.setAttribute("aria-label", "Close");
  close.onclick = () => { open(-1); canvas.focus(); };
  panel.append(close, make("h2", called(i)));
  if (data.authors[i]) panel.append(make("p", short(data.authors[i], 400), "soft"));
  if (when(i)) panel.append(make("p", when(i), "soft"));
  if (topic[i] >= 0) {
    const line = make("p"), dot = make("span", "", "dot");
    dot.style.background = dark() ? data.topics[topic[i]].dark : data.topics[topic[i]].light;
    line.append(dot, " ", data.topics[topic[i]].name);
    panel.append(line);
  }
  const line = make("p", data.id[i], "soft");
  if (data.link[i]) {
    const link = make("a", "open the paper's page");
    link.href = data.link[i];
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    line.append(" · ", link);
  }
  panel.append(line);
  if (data.abstracts[i]) panel.append(make("p", data.abstracts[i]));
  if (data.abstracts_left_out) panel.append(make("p", "Abstracts are left out of a map of so many papers.", "soft"));
  if (data.n_related > 0) {
    const list = make("ol");
    list.id = "related";
    for (let k = 0; k < data.n_related; k++) {
      const j = related[i * data.n_related + k], item = make("li"), button = make("button");
      button.append(make("span", (cosines[i * data.n_related + k] / 100).toFixed(2), "soft"), " ", called(j));
      button.onclick = () => open(j, true);
      item.append(button);
      list.append(item);
    }
    panel.append(make("h3", "Related papers"), list);
  }
  panel.scrollTop = 0;
  if (move) { goTo(i); panel.focus(); }
  draw();
}

// ---- Search, topics, years, light and dark.
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
let hay = null;
function find() {
  const words = plain($("search").value).split(/\s+/).filter(Boolean);
  const list = $("found");
  list.replaceChildren();
  if (words.length === 0) { matches = null; list.hidden = true; refilter(); return; }
  if (!hay) hay = data.name.map((name, i) => plain(`${name}\n${data.authors[i]}\n${venue(i)}\n${data.id[i]}`));
  matches = new Uint8Array(n);
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (!words.every((word) => hay[i].includes(word))) continue;
    matches[i] = 1;
    if (count++ >= 50) continue;
    const item = make("li"), button = make("button", called(i));
    button.onclick = () => { if (wide <= 700) list.hidden = true; open(i, true); };
    item.append(button);
    list.append(item);
  }
  if (count === 0) list.append(make("li", "Nothing found", "soft"));
  if (count > 50) list.append(make("li", `and ${(count - 50).toLocaleString("en")} more on the map`, "soft"));
  list.hidden = false;
  refilter();
}
let pause = 0;
$("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(find, n > 20000 ? 150 : 0); });
$("search").addEventListener("focus", () => { $("found").hidden = !$("search").value.trim(); });
$("search").addEventListener("keydown", (e) => { if (e.key === "Enter") $("found").querySelector("button")?.click(); });

const boxes = [];
function legend() {
  const list = $("topics");
  const entry = (name, size, colour, set) => {
    const item = make("li"), label = make("label"), box = make("input"), dot = make("span", "", "dot"), only = make("button", "only", "only");
    box.type = "checkbox";
    box.checked = true;
    box.onchange = () => { set(box.checked); refilter(); };
    dot.style.background = colour;
    only.setAttribute("aria-label", `Only ${name}`);
    only.onclick = () => { all(false); box.checked = true; set(true); refilter(); };
    label.append(box, dot, make("span", name), make("span", size.toLocaleString("en"), "soft"));
    item.append(label, only);
    list.append(item);
    boxes.push({ box, dot, set });
  };
  data.topics.forEach((it, t) => entry(it.name, it.size, it.light, (on) => { enabled[t] = on; }));
  const lost = topic.reduce((sum, t) => sum + (t < 0 ? 1 : 0), 0);
  if (lost > 0 && data.topics.length) entry("no topic", lost, data.no_topic, (on) => { enabledNone = on; });
  $("legend").hidden = data.topics.length === 0;
  $("legend").open = wide > 700 && data.topics.length > 0;
}
function all(on) { for (const b of boxes) { b.box.checked = on; b.set(on); } }
$("every").onclick = () => { all(true); refilter(); };
$("none").onclick = () => { all(false); refilter(); };

function setUpYears() {
  let first = Infinity, last = -Infinity;
  for (const year of data.year) if (year !== null) { first = Math.min(first, year); last = Math.max(last, year); }
  if (!(first < last)) return;
  years = [first, last];
  [from, to] = years;
  for (const id of ["from", "to"]) { $(id).min = first; $(id).max = last; }
  $("from").value = first;
  $("to").value = last;
  const moved = (which) => () => {
    from = Number($("from").value);
    to = Number($("to").value);
    if (from > to) { if (which === "from") { to = from; $("to").value = to; } else { from = to; $("from").value = from; } }
    say();
    refilter();
  };
  const say = () => { $("span").textContent = from === to ? `Year ${from}` : `Years ${from} to ${to}`; };
  $("from").oninput = moved("from");
  $("to").oninput = moved("to");
  say();
  $("years").hidden = false;
}
const dark = () => root.dataset.theme === "dark";
function wear(theme) {
  root.dataset.theme = theme;
  colours = data.topics.map((it) => packed(dark() ? it.dark : it.light));
  boxes.forEach((b, t) => { if (data.topics[t]) b.dot.style.background = dark() ? data.topics[t].dark : data.topics[t].light; });
  grey = packed(data.no_topic);
  paperGround = style("--ground");
  ground = packed(paperGround);
  [ink, accent, softInk] = ["--ink", "--accent", "--soft"].map(style);
  draw();
}
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
$("theme").onclick = () => wear(dark() ? "light" : "dark");
darkness.addEventListener("change", (e) => wear(e.matches ? "dark" : "light"));
$("in").onclick = () => zoom(1.6);
$("out").onclick = () => zoom(1 / 1.6);
$("all").onclick = showAll;

$("title").textContent = data.title;
resize();
legend();
setUpYears();
wear(darkness.matches ? "dark" : "light");
refilter();
window.addEventListener("resize", resize);

// For whoever drives this page: where a paper is on the screen, and what is written on the map.
window.syntopic = {
  at: (id) => { const i = data.id.indexOf(id); return i < 0 ? null : [screenX(places[2 * i]), screenY(places[2 * i + 1])]; },
  written: () => written.slice(),
  frame: () => { const start = performance.now(); paint(); return performance.now() - start; },
  zoom, shown: () => shown.reduce((sum, s) => sum + (s === 2 ? 1 : 0), 0),
};
})();
