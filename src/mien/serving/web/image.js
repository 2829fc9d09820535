// Pictures as the server's recognizer handles them, level for level: {data: Uint8Array (h * w * c), width, height, channels}.
// The arithmetic is that of OpenCV's resize and of mien.image, so that the browser gives the server's answers.

/** RGB of anything a canvas can draw, upright, as large as it is. */
export function pixels(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  pen.fillStyle = "#fff"; // what stands behind transparent pixels
  pen.fillRect(0, 0, width, height);
  pen.drawImage(source, 0, 0, width, height);
  const rgba = pen.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0, k = 0; i < rgba.length; i += 4) {
    data[k++] = rgba[i];
    data[k++] = rgba[i + 1];
    data[k++] = rgba[i + 2];
  }
  return { data, width, height, channels: 3 };
}

/** To the nearest, a half to the even: C's rounding. */
export function rint(x) {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** Areas are averaged when it shrinks, else lines are drawn between. */
export function resize(image, width, height) {
  if (width * height >= image.width * image.height) return linear(image, width, height);
  const across = image.width / width;
  const down = image.height / height;
  if (across < 1 || down < 1) return linear(image, width, height, true);
  return Number.isInteger(across) && Number.isInteger(down) ? blocks(image, width, height, across, down) : areas(image, width, height);
}

/** Whole numbers of pixels become one. */
function blocks(image, width, height, across, down) {
  const { data, width: wide, channels: c } = image;
  const out = new Uint8Array(width * height * c);
  const share = Math.fround(1 / (across * down));
  const half = across === 2 && down === 2;
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < c; k++, o++) {
        let sum = 0;
        for (let v = 0; v < down; v++) {
          let at = ((y * down + v) * wide + x * across) * c + k;
          for (let u = 0; u < across; u++, at += c) sum += data[at];
        }
        out[o] = half ? (sum + 2) >> 2 : rint(Math.fround(sum * share));
      }
    }
  }
  return { data: out, width, height, channels: c };
}

/** Which pixels of a line, and how much of each, make up each of fewer: flat [to, from, share, ...]. */
function parts(from, to) {
  const scale = 1 / (to / from);
  const rows = [];
  for (let d = 0; d < to; d++) {
    const low = d * scale;
    const high = low + scale;
    const cell = Math.min(scale, from - low);
    const last = Math.min(Math.floor(high), from - 1);
    const first = Math.min(Math.ceil(low), last);
    if (first - low > 1e-3) rows.push([d, first - 1, Math.fround((first - low) / cell)]);
    for (let s = first; s < last; s++) rows.push([d, s, Math.fround(1 / cell)]);
    if (high - last > 1e-3) rows.push([d, last, Math.fround(Math.min(Math.min(high - last, 1), cell) / cell)]);
  }
  return rows;
}

function areas(image, width, height) {
  const { data, width: wide, channels: c } = image;
  const columns = parts(wide, width);
  const line = new Float32Array(width * c);
  const sum = new Float32Array(width * c);
  const out = new Uint8Array(width * height * c);
  let before = -1;
  const flush = () => {
    if (before >= 0) for (let i = 0; i < sum.length; i++) out[before * sum.length + i] = Math.min(255, rint(sum[i]));
  };
  for (const [y, from, share] of parts(image.height, height)) {
    line.fill(0);
    const start = from * wide * c;
    for (const [x, s, part] of columns) {
      for (let k = 0; k < c; k++) line[x * c + k] += Math.fround(data[start + s * c + k] * part);
    }
    if (y !== before) {
      flush();
      before = y;
      sum.fill(0);
    }
    for (let i = 0; i < sum.length; i++) sum[i] += Math.fround(share * line[i]);
  }
  flush();
  return { data: out, width, height, channels: c };
}

const SCALE = 2048;

/** Where each pixel of a longer line lies in a shorter one: [index, weight of it, weight of the next]. */
function places(from, to, mixed) {
  const scale = 1 / (to / from);
  return Array.from({ length: to }, (_, d) => {
    let at;
    let rest;
    if (mixed) {
      at = Math.floor(d * scale);
      rest = Math.fround(d + 1 - (at + 1) / scale);
      rest = rest <= 0 ? 0 : rest - Math.floor(rest);
    } else {
      const place = Math.fround((d + 0.5) * scale - 0.5);
      at = Math.floor(place);
      rest = Math.fround(place - at);
    }
    if (at < 0) [at, rest] = [0, 0];
    if (at >= from - 1) [at, rest] = [from - 1, 0];
    return [at, rint(Math.fround(Math.fround(1 - rest) * SCALE)), rint(Math.fround(rest * SCALE))];
  });
}

function linear(image, width, height, mixed = false) {
  const { data, width: wide, height: high, channels: c } = image;
  const columns = places(wide, width, mixed);
  const out = new Uint8Array(width * height * c);
  const lineOf = (y) => {
    const line = new Int32Array(width * c);
    columns.forEach(([at, a, b], x) => {
      const next = Math.min(at + 1, wide - 1);
      for (let k = 0; k < c; k++) line[x * c + k] = data[(y * wide + at) * c + k] * a + data[(y * wide + next) * c + k] * b;
    });
    return line;
  };
  const lines = new Map();
  const cached = (y) => lines.get(y) || lines.set(y, lineOf(y)).get(y);
  places(high, height, mixed).forEach(([at, a, b], y) => {
    const upper = cached(at);
    const lower = cached(Math.min(at + 1, high - 1));
    lines.delete(at - 1);
    for (let i = 0; i < upper.length; i++) {
      const v = ((((a * (upper[i] >> 4)) >> 16) + ((b * (lower[i] >> 4)) >> 16) + 2) >> 2);
      out[y * upper.length + i] = Math.max(0, Math.min(255, v));
    }
  });
  return { data: out, width, height, channels: c };
}

/** Shrunk, never enlarged, so that the longer side is at most this; and the factor. */
export function fit(image, side) {
  const factor = Math.min(side / Math.max(image.width, image.height), 1);
  if (factor === 1) return [image, 1];
  return [resize(image, Math.max(rint(image.width * factor), 1), Math.max(rint(image.height * factor), 1)), factor];
}

/** A square [left, top, right, bottom] of the picture as size x size; outside, the border goes on. */
export function cut(image, square, size) {
  let [left, top, right, bottom] = square.map(rint);
  right = Math.max(right, left + 1);
  bottom = Math.max(bottom, top + 1);
  const { data, width, height, channels: c } = image;
  const [wide, high] = [right - left, bottom - top];
  const out = new Uint8Array(wide * high * c);
  for (let y = 0, o = 0; y < high; y++) {
    const row = Math.min(Math.max(top + y, 0), height - 1) * width;
    for (let x = 0; x < wide; x++) {
      const at = (row + Math.min(Math.max(left + x, 0), width - 1)) * c;
      for (let k = 0; k < c; k++) out[o++] = data[at + k];
    }
  }
  return resize({ data: out, width: wide, height: high, channels: c }, size, size);
}

/** Luma, by the weights of Rec. 601. */
export function gray(image) {
  const out = new Uint8Array(image.width * image.height);
  for (let i = 0, k = 0; i < out.length; i++, k += 3) {
    out[i] = (image.data[k] * 9798 + image.data[k + 1] * 19235 + image.data[k + 2] * 3735 + 16384) >> 15;
  }
  return { data: out, width: image.width, height: image.height, channels: 1 };
}
