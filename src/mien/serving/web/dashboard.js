// The dashboard: a snapshot a second over a WebSocket; sessions by REST.

import { blank, colour, percent } from "./draw.js";
import { save } from "./save.js";
import { admitted, ask, socketTo } from "./server.js";

const $ = (id) => document.getElementById(id);
const MINUTES = 5;
const history = [];
const lines = new Map(); // of each camera: what it showed in the last minute
const INTERVIEWED = ["personal", "practice", "research"]; // purposes for which one person's timeline may be looked at
let labels = [];
let opened = null;

function watch() {
  const socket = socketTo("/v1/dashboard");
  let refused = false;
  socket.onmessage = ({ data }) => {
    const [event, message] = JSON.parse(data);
    if (event === "stats") show(message);
    else if (event === "past") history.splice(0, history.length, ...message);
    else {
      refused = true;
      complain([message.detail, message.would_work].filter(Boolean).join(" "));
    }
  };
  socket.onclose = () => {
    if (refused) return;
    complain("The connection to the server ended; trying again …");
    setTimeout(watch, 2000);
  };
}

function complain(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

const share = (value) => (value === null ? "–" : percent(value));
const ms = (value) => (value === null ? "–" : `${Math.round(value)} ms`);

function show(now) {
  complain("");
  labels = now.labels;
  $("cameras").textContent = now.cameras.length;
  $("users").textContent = now.users === 1 ? "of one user" : now.users ? `of ${now.users} users` : "";
  $("fps").textContent = now.lately.frames_per_second.toFixed(1);
  $("p50").textContent = ms(now.lately.p50_ms);
  $("p99").textContent = ms(now.lately.p99_ms);
  $("dropped").textContent = percent(now.lately.dropped);
  $("confidence").textContent = share(now.lately.confidence);
  $("unsure").textContent = share(now.lately.unsure);
  watched(now.watch);
  $("corrections").textContent = now.faces ? ((1000 * now.corrections) / now.faces).toFixed(1) : "–";
  $("model").textContent = `Model ${now.model}, up ${lasted(now.up_s)}`;
  history.push({ time: now.time, shown: now.shown });
  while (history.length && now.time - history[0].time > 60 * MINUTES) history.shift();
  area($("area"), history.map((row) => ({ x: 1 - (now.time - row.time) / (60 * MINUTES), shares: row.shown })), labels);
  legend();
  const top = Object.entries(now.shown).filter(([, part]) => part >= 0.01).sort((a, b) => b[1] - a[1]).slice(0, 3);
  $("now").textContent = top.length ? `Now: ${top.map(([name, share]) => `${name} ${percent(share)}`).join(", ")}.` : "No face is in view.";
  rows($("live"), now.cameras, (camera) => [
    camera.title ? `${camera.title} ${camera.id}` : camera.id, lasted(camera.since_s), camera.fps.toFixed(1), camera.dropped,
    ms(camera.latency_ms), document.createElement("canvas"),
    camera.faces.map((face) => `${face.expression} ${percent(face.confidence)}`).join(", ") || "no face",
  ]);
  $("nobody").hidden = now.cameras.length > 0;
  sparks(now);
}

/** What each camera showed over the last minute, in its row. */
function sparks(now) {
  for (const id of lines.keys()) if (!now.cameras.some((camera) => camera.id === id)) lines.delete(id);
  $("live").querySelectorAll("canvas").forEach((canvas, i) => {
    const { id, faces } = now.cameras[i];
    const shares = Object.fromEntries(labels.map((name) => [name, faces.reduce((sum, face) => sum + face.probability[name] / faces.length, 0)]));
    const line = [...(lines.get(id) || []), { time: now.time, shares: faces.length ? shares : {} }].filter(({ time }) => now.time - time <= 60);
    lines.set(id, line);
    canvas.className = "spark";
    canvas.setAttribute("aria-hidden", "true"); // what it shows now stands beside it
    area(canvas, line.map((row) => ({ x: 1 - (now.time - row.time) / 60, shares: row.shares })), labels);
  });
}

/** What the monitor of the live stream says. */
function watched(said) {
  $("forecast").textContent = share(said?.accuracy ?? null);
  $("learning").textContent = !said ? "not watched" : said.accuracy === null ? `learning, ${percent(said.known)}` : "";
  $("changed").hidden = !said?.changed;
  if (said?.changed) $("changed-says").textContent = `What is seen has changed: ${said.why.join(", ") || "in many ways a little"}.`;
}

function legend() {
  if ($("legend").children.length === labels.length) return;
  $("legend").replaceChildren(
    ...labels.map((name) => {
      const part = document.createElement("span");
      const patch = document.createElement("i");
      patch.style.background = colour(name);
      part.append(patch, name);
      return part;
    }),
  );
}

const lasted = (s) => (s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`);

/** A table's rows, by the items' ids: one that stays keeps its place in the page, and the focus. */
function rows(body, items, cells) {
  const known = new Map([...body.children].map((row) => [row.dataset.id, row]));
  for (const item of items) known.delete(item.id);
  for (const gone of known.values()) gone.remove();
  items.forEach((item, i) => {
    const row = [...body.children].find(({ dataset }) => dataset.id === item.id) ?? document.createElement("tr");
    row.dataset.id = item.id;
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
    cells(item).forEach((cell, k) => {
      const data = row.children[k] ?? row.appendChild(document.createElement("td"));
      if (!(cell instanceof Node)) data.textContent = cell;
      else if (!data.firstChild) data.append(cell);
    });
  });
}

/** Shares over time, one upon the other; a gap where there was no face. `points`: {x 0..1, shares}, each `step` wide and ending at x. */
function area(canvas, points, names, step = even(points)) {
  const { pen, width, height } = blank(canvas);
  for (const { x, shares } of points) {
    let y = height;
    for (const name of names) {
      const high = (shares[name] || 0) * height;
      pen.fillStyle = colour(name);
      pen.fillRect((x - step) * width, y - high, step * width + 0.6, high);
      y -= high;
    }
  }
}

const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
const even = (points) => (points.length > 1 ? (points.at(-1).x - points[0].x) / (points.length - 1) : 0);

// ---- sessions

async function sessions() {
  try {
    const all = await ask("/v1/sessions");
    $("none").hidden = all.length > 0;
    rows($("sessions"), all, (s) => [
      new Date(1e3 * s.started).toLocaleString(), s.title || "–", lasted((s.ended || Date.now() / 1e3) - s.started), s.faces, opener(s),
    ]);
  } catch (error) {
    complain(error.message);
  }
}

function opener(s) {
  const button = Object.assign(document.createElement("button"), { className: "link", type: "button", textContent: "Show" });
  button.setAttribute("aria-label", `Show the session of ${new Date(1e3 * s.started).toLocaleString()}`);
  button.addEventListener("click", () => open(s.id));
  return button;
}

async function open(id) {
  try {
    opened = await ask(`/v1/sessions/${id}`);
  } catch (error) {
    return complain(error.message);
  }
  $("one").hidden = false;
  $("one-title").textContent = `Session of ${new Date(1e3 * opened.started).toLocaleString()}`;
  const one = INTERVIEWED.includes(opened.purpose);
  $("view").querySelector("[value=interview]").disabled = !one;
  if (!one) $("view").value = "audience";
  $("crops").hidden = !opened.records;
  render();
  $("one-title").focus();
}

/** Of an interview the one face seen most, of an audience everybody. */
function render() {
  const frames = {};
  for (const m of opened.moments) frames[m.track] = (frames[m.track] || 0) + m.frames;
  const leads = new Map(); // of each second the face that was seen most: somebody who was away for a while comes back as another
  for (const m of opened.moments) if (!(frames[leads.get(m.second)?.track] >= frames[m.track])) leads.set(m.second, m);
  const used = $("view").value === "audience" ? opened.moments : [...leads.values()];
  $("whose").textContent = $("view").value === "interview"
    ? "The one person in view, or the one who was in view most. For practice, and for studies whose participants agreed."
    : "The mean of everybody in view.";
  const seconds = opened.moments.reduce((most, m) => Math.max(most, m.second + 1), 1);
  const sums = new Map();
  for (const m of used) {
    const sum = sums.get(m.second) || { n: 0, shares: {} };
    sum.n += 1;
    for (const [name, p] of Object.entries(m.probability)) sum.shares[name] = (sum.shares[name] || 0) + p;
    sums.set(m.second, sum);
  }
  const names = Object.keys(opened.moments[0]?.probability || {});
  const points = [...sums].map(([second, { n, shares }]) => ({
    x: (second + 1) / seconds, shares: Object.fromEntries(names.map((name) => [name, shares[name] / n])),
  }));
  area($("session"), points, names, 1 / seconds);
  const pen = $("session").getContext("2d");
  pen.fillStyle = colour("ink");
  const { width, height } = $("session").getBoundingClientRect();
  for (const mark of opened.marks) pen.fillRect((mark.time_s / seconds) * width, 0, 2, height);
  $("marks").replaceChildren(
    ...opened.marks.map((mark) => Object.assign(document.createElement("li"), { textContent: `${clock(mark.time_s)} ${mark.text}` })),
  );
}

/** On a press: what goes wrong is said. */
function pressed(id, work) {
  $(id).addEventListener("click", () => work().catch((error) => complain(error.message)));
}

$("view").addEventListener("change", render);
pressed("erase", async () => {
  if (!window.confirm("Erase this session? Nothing is left of it.")) return;
  await ask(`/v1/sessions/${opened.id}`, { method: "DELETE" });
  $("one").hidden = true;
  $("said").textContent = "The session is erased.";
  sessions();
});
pressed("csv", async () => {
  save(await ask(`/v1/sessions/${opened.id}/csv`), `session-${opened.id.slice(0, 8)}.csv`); // by hand, for a link carries no key
});
pressed("crops", async () => {
  save(await ask(`/v1/sessions/${opened.id}/crops`), `session-${opened.id.slice(0, 8)}-crops.zip`);
});

pressed("usual", async () => {
  await ask("/v1/usual", { method: "DELETE" });
  $("changed").hidden = true;
  $("said").textContent = "What is usual is learnt anew.";
});

try {
  await admitted();
  watch();
  sessions();
  setInterval(sessions, 5000);
} catch (error) {
  complain(error.message);
}
