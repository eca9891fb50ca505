// Points in the plane on a canvas: drawn, zoomed, picked and lassoed. Knows nothing of papers.

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

/** Points at `x`, `y` from -1 to 1, each of the group of its place in `group` (-1 for none), and labels `{x, y, text, size, group}`. */
export class Plane {
  constructor(canvas, { x, y, group, labels }) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.x = Float32Array.from(x);
    this.y = Float32Array.from(y);
    this.group = Int32Array.from(group, (value) => value ?? -1);
    this.labels = [...labels].sort((a, b) => b.size - a.size);
    this.grid = gridOf(this.x, this.y);
    this.order = Uint32Array.from(this.x.keys()).sort((a, b) => this.group[a] - this.group[b]);
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
    const style = getComputedStyle(this.canvas);
    this.ink = style.getPropertyValue('--ink').trim() || '#222';
    this.paper = style.getPropertyValue('--paper').trim() || '#fff';
    this.accent = style.getPropertyValue('--accent').trim() || '#06c';
    this.light = style.getPropertyValue('--point-light').trim() || '50%';
    this.redraw();
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
    this.redraw();
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

  draw() {
    const { context, width, height } = this;
    if (!width || !height) return;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const radius = Math.min(6, Math.max(1.1, (220 / Math.sqrt(this.x.length + 400)) * Math.sqrt(this.camera.zoom) * 0.55));
    for (const shown of [0, 1]) this.drawPoints(shown, radius);
    for (const at of this.marked) this.dot(at, Math.max(4, radius * 1.6), this.accent);
    if (this.hovered >= 0) this.dot(this.hovered, Math.max(6, radius * 2), this.ink);
    this.drawLabels();
    if (this.lasso) this.drawLasso();
  }

  drawPoints(shown, radius) {
    const { context, width, height, scale, camera } = this;
    const [left, top, side] = [width / 2 - camera.x * scale - radius, height / 2 + camera.y * scale - radius, radius * 2];
    let last = null;
    for (const at of this.order) {
      if (this.shown[at] !== shown) continue;
      const px = left + this.x[at] * scale;
      const py = top - this.y[at] * scale;
      if (px < -side || py < -side || px > width || py > height) continue;
      if (this.group[at] !== last) {
        last = this.group[at];
        context.fillStyle = this.colour(last, shown ? 0.8 : 0.1);
      }
      if (side < 5) context.fillRect(px, py, side, side);
      else {
        context.beginPath();
        context.arc(px + radius, py + radius, radius, 0, 7);
        context.fill();
      }
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

  /** Names where they do not cover one another, those of large groups first: nearer, more of them have room. */
  drawLabels() {
    const { context } = this;
    const taken = [];
    this.written = [];
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    for (const label of this.labels) {
      const [px, py] = this.toScreen(label.x, label.y);
      if (px < 0 || py < 0 || px > this.width || py > this.height) continue;
      const size = Math.round(Math.min(17, 11 + Math.log10(label.size + 1) * 1.6));
      context.font = `600 ${size}px system-ui, sans-serif`;
      const half = context.measureText(label.text).width / 2 + 5;
      const box = [px - half, py - size * 0.8, px + half, py + size * 0.8];
      if (box[0] < 0 || box[2] > this.width) continue;
      if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      taken.push(box);
      this.written.push({ label, box });
      context.lineWidth = 4;
      context.strokeStyle = this.paper;
      context.globalAlpha = 0.85;
      context.strokeText(label.text, px, py);
      context.globalAlpha = 1;
      context.fillStyle = this.ink;
      context.fillText(label.text, px, py);
    }
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
    return this.written?.find(({ box }) => px >= box[0] && px <= box[2] && py >= box[1] && py <= box[3])?.label;
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
