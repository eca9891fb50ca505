// Points in the plane on a canvas: drawn, zoomed, picked and lassoed. Knows nothing of papers.

import { disc, packed, packedHsl } from './pixels.js';

const CELLS = 96;
const NEAREST = 12;

/** Which points are in which cell of a grid over the square from -1 to 1: those of one cell stand together. */
function gridOf(x, y) {
  const cell = (at) => {
    const along = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));
    return along(y[at]) * CELLS + along(x[at]);
  };
  const starts = new Uint32Array(CELLS * CELLS + 1);
  for (let i = 0; i < x.length; i += 1) starts[cell(i) + 1] += 1;
  for (let i = 0; i < CELLS * CELLS; i += 1) starts[i + 1] += starts[i];
  const next = starts.slice();
  const order = new Uint32Array(x.length);
  for (let i = 0; i < x.length; i += 1) order[next[cell(i)]++] = i;
  return { starts, order };
}

function inside(polygon, px, py) {
  let is = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > py !== yj > py && px < ((xj - xi) * (py - yi)) / (yj - yi) + xi) is = !is;
  }
  return is;
}

/** Papers in view of which the titles are written where there is room. */
const FEW = 150;

/**
 * Points at `x`, `y` from -1 to 1, each of the group of its place in `group` (-1 for none), and labels `{x, y, text, size, level}`: those
 * of level 0 are written when one looks at the whole, the finest when one is near; `textOf` gives the text of a point.
 */
export class Plane {
  constructor(canvas, { x, y, group, labels, textOf }) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.textOf = textOf;
    this.x = Float32Array.from(x);
    this.y = Float32Array.from(y);
    this.group = Int32Array.from(group, (value) => value ?? -1);
    this.labels = [...labels].sort((a, b) => b.size - a.size);
    this.finest = labels.reduce((finest, label) => Math.max(finest, label.level), 0);
    this.grid = gridOf(this.x, this.y);
    this.shown = new Uint8Array(this.x.length).fill(1);
    this.marked = [];
    this.hovered = -1;
    this.lasso = null;
    this.camera = { x: 0, y: 0, zoom: 1 };
    this.waiting = false;
    this.moved = () => {};
  }

  /** Fits the canvas to its place on the screen. */
  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.picture = width && height ? this.context.createImageData(this.canvas.width, this.canvas.height) : null;
    this.pixels = this.picture && new Uint32Array(this.picture.data.buffer);
    const style = getComputedStyle(this.canvas);
    this.ink = style.getPropertyValue('--ink').trim() || '#222';
    this.paper = style.getPropertyValue('--paper').trim() || '#fff';
    this.accent = style.getPropertyValue('--accent').trim() || '#06c';
    this.light = style.getPropertyValue('--point-light').trim() || '50%';
    this.repaint();
  }

  get scale() {
    return (Math.min(this.width, this.height) / 2) * 0.94 * this.camera.zoom;
  }

  toScreen(x, y) {
    return [this.width / 2 + (x - this.camera.x) * this.scale, this.height / 2 - (y - this.camera.y) * this.scale];
  }

  toPlane(px, py) {
    return [(px - this.width / 2) / this.scale + this.camera.x, (this.height / 2 - py) / this.scale + this.camera.y];
  }

  look(x, y, zoom) {
    const within = (value) => Math.min(1.2, Math.max(-1.2, value));
    this.camera = { x: within(x), y: within(y), zoom: Math.min(400, Math.max(0.7, zoom)) };
    this.moved(this.camera);
    this.repaint();
  }

  pan(dx, dy) {
    this.look(this.camera.x - dx / this.scale, this.camera.y + dy / this.scale, this.camera.zoom);
  }

  /** Zooms while the point under `px`, `py` stays where it is. */
  zoomAt(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toPlane(px, py);
    const zoom = Math.min(400, Math.max(0.7, this.camera.zoom * factor));
    const kept = this.camera.zoom / zoom;
    this.look(x - (x - this.camera.x) * kept, y - (y - this.camera.y) * kept, zoom);
  }

  /** Looks at these points, all of them. */
  lookAt(points) {
    if (!points.length) return;
    const bounds = (values) => points.reduce(([low, high], at) => [Math.min(low, values[at]), Math.max(high, values[at])], [Infinity, -Infinity]);
    const [[left, right], [low, high]] = [bounds(this.x), bounds(this.y)];
    this.look((left + right) / 2, (low + high) / 2, Math.min(8, 1.7 / Math.max(right - left, high - low, 0.05)));
  }

  /** Draws all points anew with the next frame. */
  repaint() {
    this.stale = true;
    this.redraw();
  }

  /** Draws what lies on the points anew with the next frame. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  colour(group, alpha) {
    return group < 0 ? `hsl(0 0% 55% / ${alpha})` : `hsl(${Math.round((group * 137.508) % 360)} 62% ${this.light} / ${alpha})`;
  }

  get radius() {
    return Math.min(6, Math.max(1.1, (220 / Math.sqrt(this.x.length + 400)) * Math.sqrt(this.camera.zoom) * 0.55));
  }

  draw() {
    const { context, picture, radius } = this;
    if (!picture) return;
    if (this.stale) this.paintPoints();
    this.stale = false;
    context.putImageData(picture, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const at of this.marked) this.dot(at, Math.max(4, radius * 1.6), this.accent);
    if (this.hovered >= 0) this.dot(this.hovered, Math.max(6, radius * 2), this.ink);
    this.drawLabels();
    if (this.lasso) this.drawLasso();
  }

  /** Points go straight into the picture's pixels: fast without any graphics card, however many there are. */
  paintPoints() {
    const { pixels, shown, group, x, y, ratio, camera } = this;
    const { width, height } = this.picture;
    pixels.fill(packed(this.paper));
    const stamp = disc(this.radius * ratio);
    const light = Number.parseFloat(this.light) / 100;
    const colours = new Map([[-1, packedHsl(0, 0, 0.55)]]);
    const scale = this.scale * ratio;
    const [left, top] = [width / 2 - camera.x * scale, height / 2 + camera.y * scale];
    const edge = stamp.reach;
    this.inView = [];
    for (const wanted of [0, 1]) {
      const opacity = wanted ? 205 : 26;
      for (let at = 0; at < x.length; at += 1) {
        if (shown[at] !== wanted) continue;
        const px = Math.round(left + x[at] * scale);
        const py = Math.round(top - y[at] * scale);
        if (px < -edge || py < -edge || px >= width + edge || py >= height + edge) continue;
        let colour = colours.get(group[at]);
        if (colour === undefined) {
          colour = packedHsl((group[at] * 137.508) % 360, 0.62, light);
          colours.set(group[at], colour);
        }
        if (wanted && this.inView.length <= FEW) this.inView.push(at);
        this.stamp(stamp, px, py, colour, opacity);
      }
    }
  }

  stamp({ reach, part }, px, py, colour, opacity) {
    const { pixels } = this;
    const { width, height } = this.picture;
    const within = px >= reach && py >= reach && px < width - reach && py < height - reach;
    const redBlue = colour & 0xff00ff;
    const green = colour & 0xff00;
    for (let k = 0; k < part.length; k += 3) {
      const x = px + part[k];
      const y = py + part[k + 1];
      if (!within && (x < 0 || y < 0 || x >= width || y >= height)) continue;
      const at = y * width + x;
      const old = pixels[at];
      const cover = (part[k + 2] * opacity) >> 8;
      const rest = 256 - cover;
      pixels[at] = 0xff000000
        | ((((old & 0xff00ff) * rest + redBlue * cover) >>> 8) & 0xff00ff)
        | ((((old & 0xff00) * rest + green * cover) >>> 8) & 0xff00);
    }
  }

  dot(at, radius, colour) {
    const { context } = this;
    const [px, py] = this.toScreen(this.x[at], this.y[at]);
    context.beginPath();
    context.arc(px, py, radius, 0, 7);
    context.fillStyle = this.colour(this.group[at], 1);
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = colour;
    context.stroke();
  }

  /** Whose names are written: those of the largest groups from afar, of finer ones each time one is twice as near. */
  get level() {
    return Math.min(this.finest, Math.max(0, Math.floor(Math.log2(this.camera.zoom / 0.75))));
  }

  /** Names where they do not cover one another, those of large groups first; titles at last, where few points are in view. */
  drawLabels() {
    const { level } = this;
    this.written = [];
    for (const label of this.labels) {
      if (label.level !== level) continue;
      const most = level < this.finest ? 19 : 17;
      const size = Math.round(Math.min(most, most - 6 + Math.log10(label.size + 1) * 1.6));
      this.write(label.text, this.toScreen(label.x, label.y), { size, weight: 600, label });
    }
    this.describe(this.written.map(({ text }) => text).join('\n'));
    if (level < this.finest || this.camera.zoom < 2 || this.inView.length > FEW) return;
    for (const at of this.inView) {
      const [px, py] = this.toScreen(this.x[at], this.y[at]);
      const text = this.textOf(at);
      const short = text.length > 48 ? `${text.slice(0, 47).trimEnd()}…` : text;
      this.write(short, [px, py + this.radius + 9], { size: 11, weight: 400 });
    }
  }

  /** Tells which names are written to those who cannot see them. */
  describe(names) {
    if (this.canvas.getAttribute('aria-description') !== names) this.canvas.setAttribute('aria-description', names);
  }

  /** Writes a text around a place of the screen if nothing is written there; a label can be picked. */
  write(text, [px, py], { size, weight, label }) {
    const { context, written } = this;
    if (px < 0 || py < 0 || px > this.width || py > this.height) return;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    const half = context.measureText(text).width / 2 + 5;
    if (2 * half > this.width) return;
    // A name near the edge is moved inwards, rather than left out.
    const x = label ? Math.min(Math.max(px, half), this.width - half) : px;
    const box = [x - half, py - size * 0.8, x + half, py + size * 0.8];
    if (box[0] < 0 || box[2] > this.width) return;
    if (written.some(({ box: other }) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) return;
    written.push({ label, box, text });
    context.lineWidth = 4;
    context.strokeStyle = this.paper;
    context.globalAlpha = 0.85;
    context.strokeText(text, x, py);
    context.globalAlpha = 1;
    context.fillStyle = this.ink;
    context.fillText(text, x, py);
  }

  drawLasso() {
    const { context } = this;
    context.beginPath();
    this.lasso.forEach(([x, y], at) => context[at ? 'lineTo' : 'moveTo'](x, y));
    context.closePath();
    context.fillStyle = 'hsl(210 80% 50% / .12)';
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = this.accent;
    context.stroke();
  }

  /** The label under a place of the screen. */
  labelAt(px, py) {
    return this.written?.find(({ label, box }) => label && px >= box[0] && px <= box[2] && py >= box[1] && py <= box[3])?.label;
  }

  /** The shown point nearest to a place of the screen; -1 where none is near. */
  pointAt(px, py) {
    const reach = NEAREST / this.scale;
    const [x, y] = this.toPlane(px, py);
    const cell = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));
    let [best, least] = [-1, reach * reach];
    for (let row = cell(y - reach); row <= cell(y + reach); row += 1) {
      for (let column = cell(x - reach); column <= cell(x + reach); column += 1) {
        const at = row * CELLS + column;
        for (let i = this.grid.starts[at]; i < this.grid.starts[at + 1]; i += 1) {
          const point = this.grid.order[i];
          const distance = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
          if (this.shown[point] && distance < least) [best, least] = [point, distance];
        }
      }
    }
    return best;
  }

  /** The shown points within a lasso on the screen. */
  pointsWithin(lasso) {
    const polygon = lasso.map(([px, py]) => this.toPlane(px, py));
    const found = [];
    for (let at = 0; at < this.x.length; at += 1) {
      if (this.shown[at] && inside(polygon, this.x[at], this.y[at])) found.push(at);
    }
    return found;
  }
}

/** Fingers, wheel and keys on the canvas. `on` hears `hover(point, x, y)`, `pick(point, label)` and `lassoed(points)`. */
export function handle(plane, on, { lassoing, signal }) {
  const { canvas } = plane;
  const listen = (name, listener, options = {}) => canvas.addEventListener(name, listener, { signal, ...options });
  const fingers = new Map();
  let travelled = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const apart = () => {
    const [[ax, ay], [bx, by]] = [...fingers.values()];
    return { distance: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
  };
  listen('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    travelled = 0;
    plane.lasso = fingers.size === 1 && (lassoing() || event.shiftKey) ? [place(event)] : null;
  });
  listen('pointermove', (event) => {
    const [px, py] = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      const point = plane.pointAt(px, py);
      if (point !== plane.hovered) {
        plane.hovered = point;
        plane.redraw();
      }
      canvas.style.cursor = point >= 0 || plane.labelAt(px, py) ? 'pointer' : '';
      on.hover(point, px, py);
      return;
    }
    travelled += Math.abs(px - before[0]) + Math.abs(py - before[1]);
    const old = fingers.size === 2 ? apart() : null;
    fingers.set(event.pointerId, [px, py]);
    if (plane.lasso) {
      plane.lasso.push([px, py]);
      plane.redraw();
    } else if (old) {
      const { distance, middle } = apart();
      plane.zoomAt(distance / Math.max(old.distance, 1), ...middle);
      plane.pan(middle[0] - old.middle[0], middle[1] - old.middle[1]);
    } else plane.pan(px - before[0], py - before[1]);
  });
  const up = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    const [px, py] = place(event);
    const { lasso } = plane;
    plane.lasso = null;
    if (lasso && lasso.length > 3) on.lassoed(plane.pointsWithin(lasso));
    else if (travelled < 6 && event.type === 'pointerup') on.pick(plane.pointAt(px, py), plane.labelAt(px, py));
    plane.redraw();
  };
  listen('pointerup', up);
  listen('pointercancel', up);
  listen('pointerleave', () => on.hover(-1));
  listen('wheel', (event) => {
    event.preventDefault();
    plane.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...place(event));
  }, { passive: false });
  const keys = {
    '+': () => plane.zoomAt(1.5), '=': () => plane.zoomAt(1.5), '-': () => plane.zoomAt(1 / 1.5), 0: () => plane.look(0, 0, 1),
    ArrowLeft: () => plane.pan(60, 0), ArrowRight: () => plane.pan(-60, 0), ArrowUp: () => plane.pan(0, 60), ArrowDown: () => plane.pan(0, -60),
  };
  listen('keydown', (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}
