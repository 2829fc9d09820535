// mien's recognizer in the browser: RGB pixels in, the server's answer out. Nets are handed in as functions on tensors.
// Each part is the same arithmetic as the Python of the same name.

import { cut, fit, gray } from "./image.js";

const LARGE = 320; // longer side of the largest pictures the net was trained on
const MULTIPLE = 64; // sides are filled up to it with black: the coarsest stride

// ---- detector (mien.detectors.mien_face)

/** {data, width, height} RGB -> faces [{score, box, landmarks}], the best first. `net(planes, h, w)` gives the maps, fine to coarse. */
export async function detect(image, net, card) {
  const rows = [];
  for (const side of sides(Math.min(card.longest_side, Math.max(image.width, image.height)))) {
    const [small, factor] = fit(image, side);
    const width = Math.ceil(small.width / MULTIPLE) * MULTIPLE;
    const height = Math.ceil(small.height / MULTIPLE) * MULTIPLE;
    const maps = await net(planes(small, width, height), height, width);
    const found = maps.flatMap((map) => decoded(map, height, card.score));
    for (const row of found) for (let i = 1; i < 15; i++) row[i] /= factor;
    rows.push(...found);
  }
  return suppressed(rows, card.overlap).map((row) => ({
    score: row[0],
    box: [row[1], row[2], row[3], row[4]].map((v, i) => Math.min(Math.max(v, 0), i % 2 ? image.height : image.width)),
    landmarks: [0, 1, 2, 3, 4].map((k) => [row[5 + 2 * k], row[6 + 2 * k]]),
  }));
}

/** A large picture is looked at in halves of its size, too. */
function sides(side) {
  const all = [side];
  while (all.at(-1) > LARGE) all.push(Math.max(all.at(-1) >> 1, LARGE));
  return all;
}

function planes(image, width, height) {
  const out = new Float32Array(3 * height * width);
  for (let y = 0, i = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++, i += 3) {
      const at = y * width + x;
      out[at] = image.data[i];
      out[height * width + at] = image.data[i + 1];
      out[2 * height * width + at] = image.data[i + 2];
    }
  }
  return out;
}

/** The cells of one map {data, height, width} above the threshold: rows of score, box, points. */
function decoded(map, height, least) {
  const stride = height / map.height;
  const limit = Math.log(least / (1 - least));
  const rows = [];
  for (let y = 0, i = 0; y < map.height; y++) {
    for (let x = 0; x < map.width; x++, i += 15) {
      const c = map.data;
      if (!(c[i] > limit)) continue;
      const [mx, my] = [(x + 0.5) * stride, (y + 0.5) * stride];
      const [cx, cy] = [mx + c[i + 1] * stride, my + c[i + 2] * stride];
      const [hw, hh] = [c[i + 3], c[i + 4]].map((v) => (Math.exp(Math.min(Math.max(v, -4), 5)) * stride) / 2);
      const points = Array.from({ length: 10 }, (_, k) => (k % 2 ? my : mx) + c[i + 5 + k] * stride);
      rows.push([1 / (1 + Math.exp(-c[i])), cx - hw, cy - hh, cx + hw, cy + hh, ...points]);
    }
  }
  return rows;
}

export function iou(a, b) {
  const wide = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const high = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const area = (v) => Math.max(v[2] - v[0], 0) * Math.max(v[3] - v[1], 0);
  const union = area(a) + area(b) - wide * high;
  return union > 0 ? (wide * high) / union : 0;
}

function suppressed(rows, overlap) {
  const kept = [];
  for (const row of [...rows].sort((a, b) => b[0] - a[0])) {
    if (kept.every((other) => iou(other.slice(1, 5), row.slice(1, 5)) <= overlap)) kept.push(row);
  }
  return kept;
}

// ---- chips and classifier (mien.preprocess.crop, mien.card, mien.quality)

/** `crop` {side, across, down}: where the square lies, relative to the box. */
function squareOf([left, top, right, bottom], crop) {
  const size = Math.sqrt(Math.max(right - left, 1) * Math.max(bottom - top, 1));
  const [x, y] = [(left + right) / 2 + size * crop.across, (top + bottom) / 2 + size * crop.down];
  const half = (size * crop.side) / 2;
  return [x - half, y - half, x + half, y + half];
}

/** Gray or RGB levels -> the net's input. */
function normalised(data, how) {
  const x = Float32Array.from(data);
  if (how === "range") return x.map((v) => v / 127.5 - 1);
  if (how === "unit") return x.map((v) => v / 255);
  const [mean, deviation] = spread(x);
  const by = Math.max(deviation, 1); // a blank chip is not amplified
  return x.map((v) => (v - mean) / by);
}

function spread(x) {
  let sum = 0;
  for (const v of x) sum += v;
  const mean = sum / x.length;
  let squares = 0;
  for (const v of x) squares += (v - mean) ** 2;
  return [mean, Math.sqrt(squares / x.length)];
}

const logSoftmax = (scores) => {
  const most = Math.max(...scores);
  const sum = Math.log(scores.reduce((total, v) => total + Math.exp(v - most), 0));
  return scores.map((v) => v - most - sum);
};

/** Logits -> probabilities: bias, bend, temperature, softmax. */
export function probabilities(logits, card) {
  let scores = [...logits].map((v, i) => v + (card.bias[i] || 0));
  if (card.bend) scores = logSoftmax(scores).map((v) => v * (1 + card.bend * Math.abs(v)));
  return logSoftmax(scores.map((v) => v / card.temperature)).map(Math.exp);
}

const READABLE = 48;
const SHARP = 0.55;

export function quality(face, chip) {
  const [left, top, right, bottom] = face.box;
  const size = Math.min(Math.max(Math.min(right - left, bottom - top) / READABLE, 0), 1);
  return Math.cbrt(size * sharpness(chip) * pose(face));
}

function sharpness({ data, width, height }) {
  const edges = new Float32Array((width - 2) * (height - 2));
  for (let y = 1, i = 0; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++, i++) {
      const at = y * width + x;
      edges[i] = data[at - width] + data[at + width] + data[at - 1] + data[at + 1] - 4 * data[at];
    }
  }
  return Math.min(Math.sqrt(spread(edges)[1] ** 2 / Math.max(spread(data)[1] ** 2, 1)) / SHARP, 1);
}

function pose({ landmarks }) {
  const [right, left, nose] = landmarks;
  const [dx, dy] = [left[0] - right[0], left[1] - right[1]];
  const along = ((nose[0] - right[0]) * dx + (nose[1] - right[1]) * dy) / Math.max(dx * dx + dy * dy, 1e-6);
  return Math.min(Math.max(1 - 2 * Math.abs(along - 0.5), 0), 1);
}

export const doubted = (confidence, good, card) => confidence < card.unsure_confidence || good < card.unsure_quality;

/** Faces found in the picture -> the same with what the classifier says. `net(chips, n)` gives logits (n * labels). */
export async function classify(image, faces, net, { card, crop }) {
  if (!faces.length) return faces;
  const { size, channels, normalise } = card.preprocessing;
  const chips = faces.map((face) => cut(image, squareOf(face.box, crop), size));
  const grays = chips.map(gray);
  const used = channels === "gray" ? grays : chips;
  const logits = await both(used, normalise, net, card);
  const k = card.labels.length;
  return faces.map((face, i) => {
    const p = probabilities(logits.subarray(i * k, (i + 1) * k), card);
    const best = p.indexOf(Math.max(...p));
    const good = quality(face, grays[i]);
    return {
      box: face.box, score: face.score, landmarks: face.landmarks, expression: card.labels[best], confidence: p[best],
      unsure: doubted(p[best], good, card), quality: good,
      probability: Object.fromEntries(card.labels.map((name, j) => [name, p[j]])), track_id: null, raw: null,
    };
  });
}

/** Logits, averaged with those of the mirror images where the card says so. */
async function both(chips, normalise, net, card) {
  const batch = (pictures) => {
    const n = pictures[0].data.length;
    const x = new Float32Array(n * pictures.length);
    pictures.forEach((picture, i) => x.set(normalised(picture.data, normalise), i * n));
    return net(x, pictures.length);
  };
  const straight = await batch(chips);
  if (!card.mirror) return straight;
  const mirrored = await batch(chips.map(mirror));
  return straight.map((v, i) => (v + mirrored[i]) / 2);
}

function mirror({ data, width, height, channels: c }) {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < c; k++) out[(y * width + x) * c + k] = data[(y * width + width - 1 - x) * c + k];
    }
  }
  return { data: out, width, height, channels: c };
}
