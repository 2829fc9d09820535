// Draws answers: boxes over a picture, thumbnails of faces, the line of the last minute.

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#3c9f95";
export const percent = (share) => `${Math.floor(share * 100)}%`;

/** Boxes of `faces`, in pixels of a picture `width` wide, over `canvas`, which is as large as the picture is shown. */
export function boxes(canvas, faces, width, height, chosen = -1) {
  const shown = canvas.parentElement.querySelector(":scope > :is(canvas, video):not([hidden], #overlay)").getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.style.width = `${shown.width}px`;
  canvas.style.height = `${shown.height}px`;
  canvas.width = Math.round(shown.width * ratio);
  canvas.height = Math.round(shown.height * ratio);
  const pen = canvas.getContext("2d");
  const scale = canvas.width / width;
  faces.forEach((face, i) => box(pen, face, scale, ratio, i === chosen, canvas.width));
}

function box(pen, face, scale, ratio, chosen, most) {
  const [left, top, right, bottom] = face.box.map((v) => v * scale);
  const tint = face.expression ? colour(face.expression) : "#999";
  pen.lineWidth = (chosen ? 4 : 2.5) * ratio;
  pen.strokeStyle = tint;
  pen.setLineDash(face.unsure ? [7 * ratio, 5 * ratio] : []);
  pen.beginPath();
  pen.roundRect(left, top, right - left, bottom - top, 8 * ratio);
  pen.stroke();
  pen.setLineDash([]);
  if (!face.expression) return;
  const text = `${face.expression}${face.unsure ? "?" : ""} ${percent(face.confidence)}`;
  pen.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  const wide = pen.measureText(text).width + 14 * ratio;
  const high = 22 * ratio;
  const x = Math.max(0, Math.min(left, most - wide));
  const y = top >= high ? top - high : top;
  pen.fillStyle = tint;
  pen.beginPath();
  pen.roundRect(x, y, wide, high, 8 * ratio);
  pen.fill();
  pen.fillStyle = ink(tint);
  pen.textBaseline = "middle";
  pen.fillText(text, x + 7 * ratio, y + high / 2);
}

/** White on dark colours, nearly black on light ones. */
export function ink(tint) {
  const [r, g, b] = tint.match(/[0-9a-f]{2}/gi).map((v) => parseInt(v, 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#191c24" : "#fff";
}

/** A face, with some room around it, from a canvas, bitmap or video. */
export function thumb(canvas, source, face) {
  const [left, top, right, bottom] = face.box;
  const side = 1.25 * Math.max(right - left, bottom - top);
  const x = (left + right - side) / 2;
  const y = (top + bottom - side) / 2;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(source, x, y, side, side, 0, 0, canvas.width, canvas.height);
}

/** A canvas, empty and as sharp as the screen: {pen, width, height} in pixels of the page. */
export function blank(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return { pen, width, height };
}

const SECONDS = 60;

/** One line a name that was ever likely, over the last minute: solid as steadied, faint as each frame had it. */
export function timeline(canvas, rows, labels, marks = []) {
  const { pen, width, height } = blank(canvas);
  const now = rows.length ? rows[rows.length - 1].time : 0;
  const x = (row) => width - ((now - row.time) / SECONDS) * width;
  const y = (share) => height - 4 - share * (height - 8);
  pen.strokeStyle = colour("line");
  for (const share of [0, 0.5, 1]) {
    pen.beginPath();
    pen.moveTo(0, y(share));
    pen.lineTo(width, y(share));
    pen.stroke();
  }
  for (const name of labels.filter((label) => rows.some((row) => row.probability[label] > 0.2))) {
    pen.strokeStyle = colour(name);
    for (const [part, alpha, thick] of [["raw", 0.35, 1], ["probability", 1, 2]]) {
      pen.globalAlpha = alpha;
      pen.lineWidth = thick;
      pen.beginPath();
      let last = -Infinity;
      for (const row of rows) {
        if (!row[part]) continue;
        pen[row.time - last > 1 ? "moveTo" : "lineTo"](x(row), y(row[part][name]));
        last = row.time;
      }
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
  pen.font = "12px system-ui, sans-serif";
  const newest = rows[rows.length - 1]?.probability ?? {};
  pen.textAlign = "right";
  for (const name of labels.filter((label) => newest[label] > 0.2)) {
    pen.fillStyle = colour(name);
    pen.fillText(name, width - 4, Math.max(y(newest[name]) + 14, 14));
  }
  pen.fillStyle = colour("ink");
  for (const mark of marks) {
    pen.fillRect(x(mark), 0, 1, height);
    const early = x(mark) > width / 2; // words stand where there is room for them
    pen.textAlign = early ? "right" : "left";
    pen.fillText(mark.text, x(mark) + (early ? -4 : 4), 18, 160);
  }
}
