'use strict';
// The map of layers (rows) and experts (columns): how many tokens each has met, and who has met one just now.

const Glow = 800; // milliseconds that a cell is lit after a token

const expertMap = {
  layers: [], // { layer, experts }
  own: [], // [row][expert]: tokens of the answers on this page
  all: [], // the same of the server since its start
  view: 'answer',
  lit: new Map(), // row * columns + expert -> when
  held: null, // the experts of a token that is looked at, by row
  cell: null, // the cell that is looked at
  frame: 0,

  get columns() { return Math.max(1, ...this.layers.map(layer => layer.experts)); },
  get counts() { return this.view === 'server' ? this.all : this.own; },

  setLayers(layers) {
    if (JSON.stringify(layers.map(layer => [layer.layer, layer.experts])) !== JSON.stringify(this.layers.map(layer => [layer.layer, layer.experts]))) {
      this.layers = layers.map(({ layer, experts }) => ({ layer, experts }));
      this.clear();
    }
    if (layers.every(layer => layer.tokens)) this.all = layers.map(layer => layer.tokens);
    this.draw();
  },

  clear() {
    this.own = this.layers.map(layer => new Array(layer.experts).fill(0));
    this.lit.clear();
    this.draw();
  },

  // A token has met these experts, a list for each row.
  add(experts) {
    const now = performance.now();
    experts.forEach((list, row) => list.forEach(expert => {
      this.own[row][expert] = (this.own[row][expert] ?? 0) + 1;
      this.lit.set(row * this.columns + expert, now);
    }));
    this.draw();
  },

  // Shows the experts of one token; null ends that.
  hold(experts) {
    this.held = experts;
    this.draw();
  },

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      paint(this);
    });
  },

  describe(row, expert) {
    const total = (this.counts[row] ?? []).reduce((sum, count) => sum + count, 0);
    const count = this.counts[row]?.[expert] ?? 0;
    return `Layer ${this.layers[row].layer}, expert ${expert}: ${number(count)} of ${number(total)} choices${total ? ` (${number(100 * count / total, 1)} %)` : ''}`;
  },
};

function geometry(map) {
  const canvas = at('map'), gutter = 34, axis = 18;
  const width = canvas.clientWidth, columns = map.columns, rows = map.layers.length;
  const across = Math.min(64, (width - gutter) / columns);
  const down = Math.max(4, Math.min(26, Math.floor(380 / Math.max(1, rows))));
  return { canvas, gutter, axis, width, columns, rows, across, down, height: rows * down + axis, gap: across >= 6 && down >= 6 ? 2 : across >= 3 && down >= 4 ? 1 : 0 };
}

function paint(map) {
  const { canvas, gutter, width, columns, rows, across, down, height, gap } = geometry(map);
  if (!rows || !width) return;
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const [heat, lit, empty, soft, ink] = ['--heat', '--lit', '--cell', '--soft', '--ink'].map(name => style.getPropertyValue(name).trim());
  const most = Math.max(1, ...map.counts.map(row => row.reduce((a, b) => Math.max(a, b), 0)));
  const now = performance.now(), still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  at('legend-most').textContent = number(most);

  const fill = (row, expert, color) => {
    const left = Math.round(gutter + expert * across), right = Math.round(gutter + (expert + 1) * across);
    pen.fillStyle = color;
    pen.fillRect(left, row * down, Math.max(1, right - left - (right - left > gap ? gap : 0)), down - gap);
  };
  map.layers.forEach((layer, row) => {
    for (let expert = 0; expert < layer.experts; expert++) {
      fill(row, expert, empty);
      const count = map.counts[row]?.[expert] ?? 0;
      if (count > 0) fill(row, expert, `rgba(${heat}, ${(map.held ? 0.4 : 1) * (0.15 + 0.85 * Math.sqrt(count / most))})`);
    }
  });
  if (map.held) map.held.forEach((list, row) => list.forEach(expert => fill(row, expert, `rgb(${lit})`)));
  else for (const [cell, when] of map.lit) {
    const age = (now - when) / Glow;
    if (age >= 1) map.lit.delete(cell);
    else fill(Math.floor(cell / columns), cell % columns, `rgba(${lit}, ${still ? 1 : (1 - age) ** 2})`);
  }
  if (map.cell) {
    const [row, expert] = map.cell;
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.strokeRect(Math.round(gutter + expert * across) - 1, row * down - 1, Math.max(3, across - gap + 2), down - gap + 2);
  }

  pen.fillStyle = soft;
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  pen.textAlign = 'right';
  const every = Math.ceil(13 / down);
  map.layers.forEach((layer, row) => { if (row % every === 0) pen.fillText(layer.layer, gutter - 7, Math.max(6, row * down + (down - gap) / 2 + 0.5)); });
  pen.textAlign = 'center';
  const steps = [1, 2, 4, 5, 8, 10, 16, 20, 32, 40, 64, 100, 128, 256, 512, 1024];
  const step = steps.find(candidate => candidate * across >= 26) ?? 2048;
  for (let expert = 0; expert < columns; expert += step) pen.fillText(expert, gutter + (expert + 0.5) * across - gap / 2, rows * down + 9);
  canvas.setAttribute('aria-label', `Map of ${rows} layers (rows) and ${columns} experts (columns). Arrow keys walk through it.`);
  if (map.lit.size > 0 && !map.held) map.draw();
}

function lookAtCell(cell) {
  expertMap.cell = cell;
  expertMap.draw();
  document.querySelectorAll('.piece.same').forEach(piece => piece.classList.remove('same'));
  if (!cell) {
    say();
    return;
  }
  const [row, expert] = cell;
  for (const [piece, tokens] of pieces) if (tokens.some(token => token.experts?.[row].includes(expert))) piece.classList.add('same');
  say(expertMap.describe(row, expert));
}

// The line under the map: a sentence, or the name of a thing and what is known of it.
function say(text = 'Point at a token of an answer to see its experts, at a cell to see its tokens.', name = '') {
  const bold = document.createElement('b');
  bold.textContent = name;
  at('readout').replaceChildren(...name ? [bold, ` ${text}`] : [text]);
}

at('map').onpointermove = event => {
  const { gutter, across, down, rows } = geometry(expertMap);
  const row = Math.floor(event.offsetY / down), expert = Math.floor((event.offsetX - gutter) / across);
  const there = row < rows && expert >= 0 && expert < (expertMap.layers[row]?.experts ?? 0);
  if (there ? `${expertMap.cell}` !== `${[row, expert]}` : expertMap.cell) lookAtCell(there ? [row, expert] : null);
};
at('map').onpointerleave = at('map').onblur = () => lookAtCell(null);
at('map').onkeydown = event => {
  const way = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!way || !expertMap.layers.length) return;
  event.preventDefault();
  const [row, expert] = expertMap.cell ?? [0, -way[1]];
  const next = Math.min(expertMap.layers.length - 1, Math.max(0, row + way[0]));
  lookAtCell([next, Math.min(expertMap.layers[next].experts - 1, Math.max(0, expert + way[1]))]);
};
document.querySelectorAll('[name=view]').forEach(radio => radio.onchange = () => {
  expertMap.view = radio.value;
  expertMap.draw();
  document.dispatchEvent(new Event('view'));
});
new ResizeObserver(() => expertMap.draw()).observe(at('map'));
matchMedia('(prefers-color-scheme: dark)').onchange = () => expertMap.draw();
say();
