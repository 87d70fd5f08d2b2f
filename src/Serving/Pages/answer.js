'use strict';
// One answer as it comes: its text in pieces, the experts of each of its tokens, and how fast it is.

const pieces = new Map(); // element of a piece of text -> its tokens

class Answer {
  constructor(given) {
    this.tokens = []; // { experts }: a list of experts for each layer, once they are known
    this.routed = 0; // tokens whose experts are known
    this.text = '';
    this.began = performance.now();
    this.element = element('div', 'said assistant');
    this.body = element('p', 'text waiting');
    this.meta = element('p', 'meta');
    if (given) this.body.append(element('span', 'given', given));
    this.element.append(this.body, this.meta);
    this.body.tabIndex = 0;
    this.body.setAttribute('role', 'group');
    this.body.setAttribute('aria-label', 'Answer. Left and right arrow keys walk through its tokens.');
    this.body.onkeydown = event => this.walk(event);
    this.body.onblur = () => lookAtPiece(null);
    this.timer = setInterval(() => this.tell(), 250);
  }

  // Takes over a choice of a chunk.
  add(choice) {
    const text = choice.text ?? choice.delta?.content ?? '';
    const tokens = (choice.token_ids ?? []).map(() => ({ experts: null }));
    if (tokens.length > 0) {
      this.first ??= performance.now();
      this.last = performance.now();
    }
    this.tokens.push(...tokens);
    if (text) {
      this.text += text;
      const piece = element('span', 'piece', text);
      pieces.set(piece, tokens);
      piece.onpointerenter = () => lookAtPiece(piece);
      piece.onpointerleave = () => lookAtPiece(null);
      this.body.append(piece);
    }
    this.route(choice.routing ?? {});
    this.reason = choice.finish_reason ?? this.reason;
  }

  // The experts come in the order of the tokens, a chunk after their text.
  route(routing) {
    const lists = expertMap.layers.map(({ layer }) => routing[layer] ?? []);
    for (let i = 0; i < (lists[0]?.length ?? 0); i++) {
      const experts = lists.map(list => list[i] ?? []);
      if (this.routed < this.tokens.length) this.tokens[this.routed++].experts = experts;
      expertMap.add(experts);
    }
  }

  tell() {
    const count = this.tokens.length;
    if (count === 0) {
      this.meta.textContent = `waiting, ${number((performance.now() - this.began) / 1000, 1)} s`;
      return;
    }
    const seconds = (this.last - this.first) / 1000;
    const ends = { length: ' · cut off at max tokens', timeout: ' · out of time', stopped: ' · stopped' };
    this.meta.textContent = `${number(count)} ${count === 1 ? 'token' : 'tokens'} · first after ${number(this.first - this.began)} ms`
      + `${seconds > 0 ? ` · ${number((count - 1) / seconds, 1)} tokens/s` : ''}${ends[this.reason] ?? ''}`;
  }

  end(problem) {
    clearInterval(this.timer);
    this.body.classList.remove('waiting');
    if (this.tokens.length > 0 || !problem) this.tell();
    else this.meta.remove();
    if (problem) this.element.append(element('p', 'error', problem));
  }

  walk(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const all = [...this.body.querySelectorAll('.piece')];
    const here = all.findIndex(piece => piece.classList.contains('chosen'));
    lookAtPiece(all[here < 0 ? (way > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + way))] ?? null);
  }
}

function lookAtPiece(piece) {
  document.querySelectorAll('.piece.chosen').forEach(other => other.classList.remove('chosen'));
  if (!piece || expertMap.layers.length === 0) {
    expertMap.hold(null);
    say();
    return;
  }
  piece.classList.add('chosen');
  const known = pieces.get(piece).map(token => token.experts).filter(experts => experts);
  const union = expertMap.layers.map((_, row) => [...new Set(known.flatMap(experts => experts[row]))]);
  expertMap.hold(known.length > 0 ? union : null);
  say(known.length === 0 ? 'has met no experts: nothing has followed it.'
    : union.map((list, row) => `layer ${expertMap.layers[row].layer}: ${list.join(', ') || 'none'}`).join(' · '), `“${piece.textContent}”`);
}

function element(name, className, text = '') {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text; // text of the model is never read as HTML
  return made;
}
