// Faces followed and steadied along a video: mien.tracking and mien.smoothing in the browser.

import { iou } from "./recognizer.js";

const [OVERLAP, MARGIN, PATIENCE, LONGEST, COAST, MEMORY] = [0.2, 0.3, 1.0, 5.0, 0.4, 0.15];
const [HALFLIFE, WINDOW, LEAD, FORGET] = [0.2, 0.6, 0.1, 2.0];

const stateOf = ([left, top, right, bottom]) => [
  (left + right) / 2, (top + bottom) / 2, Math.log(Math.max(right - left, 1e-3)), Math.log(Math.max(bottom - top, 1e-3)),
];
const boxOf = ([x, y, w, h], margin) => {
  const [hw, hh] = [Math.exp(w) * (0.5 + margin), Math.exp(h) * (0.5 + margin)];
  return [x - hw, y - hh, x + hw, y + hh];
};

/** `tracker(faces, seconds)` -> the faces that are followed, each with `track_id`. `start`: score that starts a track. */
export function tracker(start) {
  let tracks = [];
  let next = 1;
  const ahead = (t, now) => {
    const far = COAST * (1 - Math.exp(-Math.max(now - t.seen, 0) / COAST));
    return t.state.map((v, i) => v + (i < 2 ? t.speed[i] * far : 0));
  };
  const met = (t, state, now) => {
    const passed = Math.max(now - t.seen, 1e-3);
    const share = Math.max(1 / t.hits, 1 - Math.exp(-passed / MEMORY));
    t.speed = t.speed.map((v, i) => v + share * ((state[i] - t.state[i]) / passed - v));
    Object.assign(t, { state, seen: now, hits: t.hits + 1, missed: 0 });
  };
  const match = (rows, faces, free, now) => {
    const pairs = rows
      .flatMap((i) => free.map((t) => [iou(boxOf(stateOf(faces[i].box), MARGIN), boxOf(ahead(t, now), MARGIN)), i, t]))
      .filter(([fit]) => fit >= OVERLAP)
      .sort((a, b) => b[0] - a[0]);
    const taken = new Set();
    for (const [, i, t] of pairs) {
      if (faces[i].track_id !== null || taken.has(t)) continue;
      taken.add(t);
      faces[i].track_id = t.id;
      met(t, stateOf(faces[i].box), now);
    }
    return free.filter((t) => !taken.has(t));
  };
  return (found, now) => {
    const faces = found.map((face) => ({ ...face, track_id: null }));
    tracks = tracks.filter((t) => now - t.seen <= (t.missed ? PATIENCE : LONGEST));
    const all = faces.map((_, i) => i);
    const sure = all.filter((i) => faces[i].score >= start);
    const left = match(sure, faces, tracks, now);
    for (const unseen of match(all.filter((i) => faces[i].score < start), faces, left, now)) unseen.missed += 1;
    for (const i of sure.filter((k) => faces[k].track_id === null)) {
      faces[i].track_id = next;
      tracks.push({ id: next++, state: stateOf(faces[i].box), speed: [0, 0, 0, 0], seen: now, hits: 1, missed: 0 });
    }
    return faces.filter((face) => face.track_id !== null);
  };
}

// How a track's memory takes a frame's probabilities in, and what it makes of them: arrays in the order of the labels.

const none = () => (p) => p;

function ema() {
  let mean, seen;
  return (p, now) => {
    const share = mean ? 1 - 0.5 ** ((now - seen) / HALFLIFE) : 1;
    mean = p.map((v, i) => (mean ? mean[i] + share * (v - mean[i]) : v));
    seen = now;
    return mean;
  };
}

/** The mean over a window; the name that is held changes places with one that leads it by less than LEAD. */
function majority() {
  let past = [];
  let held;
  return (p, now) => {
    past = [...past, [now, p]].filter(([time]) => now - time <= WINDOW);
    const mean = p.map((_, i) => past.reduce((sum, [, q]) => sum + q[i], 0) / past.length);
    const best = mean.indexOf(Math.max(...mean));
    if (held === undefined || mean[best] - mean[held] >= LEAD) held = best;
    [mean[best], mean[held]] = [mean[held], mean[best]];
    return mean;
  };
}

const SMOOTHERS = { none, ema, majority };

/** `smooth(faces, seconds)` -> the same with `raw`, and `probability` steadied along each track. `unsure(confidence, quality)`. */
export function smoother(how, unsure) {
  let memory = new Map();
  return (faces, now) => {
    memory = new Map([...memory].filter(([, { seen }]) => now - seen <= FORGET));
    return faces.map((face) => {
      const { steadied } = memory.get(face.track_id) ?? { steadied: (SMOOTHERS[how] ?? none)() };
      memory.set(face.track_id, { steadied, seen: now });
      const names = Object.keys(face.probability);
      const p = steadied(Object.values(face.probability), now);
      const best = p.indexOf(Math.max(...p));
      return {
        ...face, raw: face.probability, probability: Object.fromEntries(names.map((name, i) => [name, p[i]])),
        expression: names[best], confidence: p[best], unsure: unsure(p[best], face.quality),
      };
    });
  };
}
