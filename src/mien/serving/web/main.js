// The page: what is shown, and what happens when something is dropped, chosen, pressed.

import * as draw from "./draw.js";
import * as cards from "./faces.js";
import { browser } from "./browser.js";
import { save } from "./save.js";
import { admitted, ask, post, server } from "./server.js";

const $ = (id) => document.getElementById(id);
const KEEP = 60; // seconds of the line
const LOGGED = 20000; // answers of a video or camera that can be saved
const QUIET = 4000; // milliseconds between two answers of a camera that are spoken
const WIDE = 640; // pixels of a live frame's longer side

const state = {
  engine: server, answer: null, name: "picture", live: null, stream: null, rows: [], marks: [], labels: [], log: [],
  chosen: null, followed: null, // of faces, by what tells them apart
  asked: 0, // what was begun last; what began before it and ends after it is not shown
  session: undefined, sessions: [], // that answers belong to; of this visit of which numbers are kept
  corrections: [], pictured: false, // of this visit; whether small pictures of faces were kept in it
  heard: "", spoke: 0, // the last answer of a camera that was spoken, and when
  blocked: "", // why nothing can be read now
};

// ---- what is shown

function say(text) {
  $("said").textContent = text;
}

function complain(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

function working(on) {
  $("start").hidden = on;
  $("work").hidden = !on;
}

/** What faces are seen in. */
const shown = () => ($("picture").hidden ? $("video") : $("picture"));

function render(answer, source) {
  state.answer = answer;
  savable();
  outlined();
  cards.show(answer.faces, source, { choose, correct });
  const n = answer.faces.length;
  $("count").textContent = n === 0 ? "No face found" : n === 1 ? "One face" : `${n} faces`;
}

/** The boxes of what is shown, over it. */
function outlined() {
  const { faces, width, height } = state.answer || { faces: [], width: 1, height: 1 };
  const at = faces.findIndex((face, i) => cards.keyOf(face, i) === state.chosen);
  draw.boxes($("overlay"), faces, width, height, at);
  cards.choose(at);
}

/** There is something to save only when there is an answer. */
function savable() {
  $("save-json").disabled = $("save-png").disabled = !state.answer;
  $("save-json").textContent = state.log.length ? "Save all answers" : "Save answer";
}

function choose(i) {
  const key = cards.keyOf(state.answer.faces[i], i);
  state.chosen = state.chosen === key ? null : key;
  outlined();
}

const told = (answer) =>
  answer.faces.length
    ? answer.faces.map((f, i) => `Face ${i + 1}: ${f.expression}, ${draw.percent(f.confidence)}${f.unsure ? ", unsure" : ""}`).join(". ")
    : "No face found.";

/** Leave what was shown. Gives a test of whether what begins now is still what is wanted. */
function enter(name) {
  stop();
  Object.assign(state, { answer: null, name, chosen: null, followed: null, rows: [], marks: [], log: [], session: undefined });
  const mine = ++state.asked;
  complain("");
  savable();
  working(true);
  $("frame").hidden = $("picture").hidden = false;
  $("video").hidden = $("line").hidden = $("busy").hidden = true;
  cards.show([], null, {});
  draw.timeline($("timeline"), [], []);
  $("pace").textContent = "";
  state.lag = undefined;
  $("count").textContent = "Faces";
  outlined();
  return () => mine === state.asked;
}

// ---- a picture

async function picture(blob, name) {
  const wanted = enter(name);
  const canvas = $("picture");
  let bitmap = null;
  $("busy").hidden = false;
  try {
    bitmap = await createImageBitmap(blob).catch(() => null);
    await ready();
    if (!wanted()) return;
    if (bitmap) paint(canvas, bitmap, bitmap.width, bitmap.height);
    const answer = await state.engine.predict(blob);
    if (!wanted()) return;
    if (answer.error) throw new Error(answer.error.message);
    if (!bitmap) paint(canvas, null, answer.width, answer.height);
    render(answer, canvas);
    say(told(answer));
    $("count").focus({ preventScroll: true });
  } catch (error) {
    if (!wanted()) return;
    complain(error.message);
    $("count").textContent = "That did not work";
    $("frame").hidden = !bitmap;
  } finally {
    if (wanted()) $("busy").hidden = true;
  }
}

function paint(canvas, source, width, height) {
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  if (source) pen.drawImage(source, 0, 0, width, height);
}

function open(files) {
  const [file] = files;
  if (!file) return;
  if (file.type.startsWith("video/")) film(file);
  else if (!file.type || file.type.startsWith("image/")) picture(file, file.name || "pasted");
  else {
    enter(file.name);
    $("count").textContent = "That did not work";
    $("frame").hidden = true;
    complain(`${file.name} is no picture and no video. Choose a JPEG, PNG or WebP, an MP4 or a WebM.`);
  }
}

// ---- a camera or a video: frames go out as fast as answers come back

async function camera() {
  try {
    await ready();
  } catch (error) {
    enter("camera");
    return complain(error.message);
  }
  if ($("consent").open) return;
  $("consent").returnValue = "no";
  $("record").checked = false;
  for (const part of document.querySelectorAll("#consent .server")) part.hidden = state.engine === browser;
  $("consent").showModal();
  await new Promise((done) => $("consent").addEventListener("close", done, { once: true }));
  if ($("consent").returnValue !== "yes") return;
  const wanted = enter("camera");
  paint($("picture"), null, 640, 360);
  $("count").textContent = "Waiting for the camera …";
  let stream;
  try {
    if (!navigator.mediaDevices) throw Object.assign(new Error(), { name: "InsecureError" });
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" }, audio: false });
  } catch (error) {
    if (!wanted()) return;
    $("count").textContent = "No camera";
    complain(refused(error));
    return;
  }
  if (!wanted()) return stream.getTracks().forEach((track) => track.stop());
  state.stream = stream;
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    stop();
    complain("The camera was unplugged, or is used elsewhere.");
  });
  const video = $("video");
  video.src = "";
  video.srcObject = stream;
  const record = $("record").checked && state.engine === server ? AGREED : "";
  roll(video, { title: "camera", consent: record });
  $("on-says").textContent = record ? "Camera on, small pictures are kept" : "Camera on";
  say($("on-says").textContent);
  state.pictured ||= Boolean(record);
  keeping();
  $("on").hidden = false;
  $("stop").focus();
}

const AGREED = "I agree, and so does everybody in view, that small pictures of our faces are kept to improve the model.";

function refused(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed. Allow it in the browser's address bar, or choose a picture.";
  if (error.name === "InsecureError") return "Browsers give the camera to secure pages only: open this one by https. Or choose a picture.";
  if (error.name === "NotFoundError") return "There is no camera here. Choose a picture instead.";
  return `The camera cannot be used: ${error.message}`;
}

async function film(file) {
  const wanted = enter(file.name);
  try {
    await ready();
  } catch (error) {
    return wanted() && complain(error.message);
  }
  if (!wanted()) return;
  const video = $("video");
  video.srcObject = null;
  video.src = URL.createObjectURL(file);
  video.onended = () => stop();
  video.onerror = () => {
    stop();
    complain("This video cannot be played here. MP4 (H.264) and WebM work in most browsers.");
  };
  video.onloadedmetadata = () => {
    if (video.videoWidth || video.srcObject) return;
    stop();
    complain("The pictures of this video cannot be shown here. MP4 (H.264) and WebM work in most browsers.");
  };
  roll(video, { title: "video", keep: false });
}

async function roll(video, session) {
  $("picture").hidden = true;
  video.hidden = $("line").hidden = $("stop").hidden = false;
  $("mark").hidden = session.keep === false || state.engine === browser; // a mark is kept with the numbers
  const sent = document.createElement("canvas");
  const live = state.engine.live({
    hello: (message) => {
      state.labels = message.labels;
      if (session.keep !== false && message.session) state.sessions.push((state.session = message.session));
      live.tell("session", session);
    },
    result: (message, since) => seen(message, video, since),
    note: complain,
    end: (text) => {
      stop();
      if (text) complain(text);
    },
  });
  state.live = live;
  await video.play().catch(() => {});
  const step = () => {
    if (state.live !== live) return;
    if (live.ready() && video.readyState >= 2 && !video.paused) {
      const scale = Math.min(1, WIDE / Math.max(video.videoWidth, video.videoHeight));
      paint(sent, video, Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
      live.frame(sent);
    }
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(step);
    else requestAnimationFrame(step);
  };
  step();
}

function seen(message, video, since) {
  complain(message.error ? message.error.message : "");
  if (message.error) return;
  state.log.push(message);
  if (state.log.length > LOGGED) state.log.shift();
  const scale = video.videoWidth / message.width;
  const faces = message.faces.map((face) => ({ ...face, box: face.box.map((v) => v * scale) }));
  faces.sort((a, b) => a.track_id - b.track_id); // each keeps its place, whichever was the surer
  render({ ...message, faces, width: video.videoWidth, height: video.videoHeight }, video);
  tellChange(faces);
  const one = faces.find((face) => face.track_id === state.followed) ?? faces[0];
  state.followed = one?.track_id ?? state.followed;
  const now = performance.now() / 1e3;
  if (one) state.rows.push({ time: now, probability: one.probability, raw: one.raw });
  state.rows = state.rows.filter((row) => now - row.time < KEEP);
  draw.timeline($("timeline"), state.rows, state.labels, state.marks);
  const lag = since === undefined ? message.latency_ms : performance.now() - since;
  state.lag = 0.9 * (state.lag ?? lag) + 0.1 * lag;
  $("pace").textContent = `answers after ${Math.round(state.lag)} ms`;
}

function stop() {
  const held = document.activeElement === $("stop");
  if (state.live && $("video").videoWidth) {
    paint($("picture"), $("video"), $("video").videoWidth, $("video").videoHeight); // the last frame stays
    $("picture").hidden = false;
    $("video").hidden = true;
  }
  state.live?.tell("stop", {});
  state.live?.close();
  state.live = null;
  state.stream?.getTracks().forEach((track) => track.stop());
  state.stream = null;
  $("video").pause();
  $("on").hidden = $("stop").hidden = $("mark").hidden = true;
  erasable();
  if (held) $("again").focus();
}

const erasable = () => ($("erase").hidden = !state.sessions.length && !state.corrections.length);

async function erase() {
  stop();
  const kept = [...state.sessions.map((id) => `sessions/${id}`), ...state.corrections.map((id) => `feedback/${id}`)];
  const asked = await Promise.allSettled(kept.map((path) => ask(`/v1/${path}`, { method: "DELETE" })));
  const failed = asked.filter(({ reason }) => reason && reason.status !== 404); // of some nothing had been kept
  if (failed.length) return complain(failed[0].reason.message);
  Object.assign(state, { sessions: [], corrections: [], session: undefined, pictured: false });
  erasable();
  keeping();
  say("Everything that was kept of this visit is erased.");
}

// ---- a correction

function correct(i) {
  const { model, faces } = state.answer;
  const face = faces[i];
  const names = $("names");
  names.replaceChildren(
    ...Object.keys(face.probability).map((name) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "name", value: name });
      input.addEventListener("change", () => ($("send").disabled = false));
      label.append(input, name);
      return label;
    }),
  );
  $("send").disabled = true;
  $("give").checked = false;
  $("correct").returnValue = "no";
  const crop = document.createElement("canvas");
  crop.width = crop.height = 192;
  draw.thumb(crop, shown(), face);
  $("correct").showModal();
  $("correct").onclose = async () => {
    const chosen = names.querySelector(":checked")?.value;
    if ($("correct").returnValue !== "yes" || !chosen) return;
    const body = { expression: chosen, probability: face.probability, model };
    if (state.session) body.session = state.session;
    if ($("give").checked) body.face_png = crop.toDataURL("image/png");
    try {
      state.corrections.push((await post("/v1/feedback", body)).id);
      state.pictured ||= Boolean(body.face_png);
      erasable();
      keeping();
      say("Thank you: the correction is kept.");
      thanks(i);
    } catch (error) {
      complain(error.message);
    }
  };
}

function thanks(i) {
  const link = $("faces").children[i]?.querySelector(".wrong");
  if (!link) return;
  link.textContent = "Thank you, it is noted";
  if (state.live) setTimeout(() => (link.textContent = "Not right?"), 4000);
}

/** For who hears the page: what the faces show, when it changed, and not more often than can be listened to. */
function tellChange(faces) {
  const shows = faces.length ? faces.map((f, i) => `Face ${i + 1}: ${f.expression}`).join(". ") : "No face found.";
  if (shows === state.heard || performance.now() - state.spoke < QUIET) return;
  Object.assign(state, { heard: shows, spoke: performance.now() });
  say(shows);
}

// ---- keep an answer

const stem = () => state.name.replace(/\.[^.]*$/, "") || "mien";

function savePicture() {
  const source = shown();
  const canvas = document.createElement("canvas");
  paint(canvas, source, source.videoWidth || source.width, source.videoHeight || source.height);
  const over = $("overlay");
  canvas.getContext("2d").drawImage(over, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(blob, `${stem()}-mien.png`));
}

// ---- wiring

$("file").addEventListener("change", (event) => {
  open(event.target.files);
  event.target.value = "";
});
$("camera").addEventListener("click", camera);
$("stop").addEventListener("click", stop);
$("erase").addEventListener("click", erase);
$("again").addEventListener("click", () => {
  state.asked += 1;
  stop();
  working(false);
  $("lead").scrollIntoView();
  $("file").focus();
});
$("mark").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("words").value.trim() || "mark";
  state.live?.tell("mark", { text });
  state.marks.push({ time: performance.now() / 1e3, text });
  $("words").value = "";
  say(`Marked: ${text}.`);
});
$("sample").addEventListener("click", async () => {
  try {
    await picture(await portrait(), "portrait.jpg");
  } catch (error) {
    enter("portrait.jpg");
    complain(error.message);
  }
});
$("cancel").addEventListener("click", () => $("correct").close("no"));
$("save-json").addEventListener("click", () => {
  if (!state.log.length) return save(new Blob([JSON.stringify(state.answer, null, 2)], { type: "application/json" }), `${stem()}.json`);
  const lines = state.log.map((answer) => `${JSON.stringify(answer)}\n`); // a line a frame, as the command line has it
  save(new Blob(lines, { type: "application/jsonl" }), `${stem()}.jsonl`);
});
$("save-png").addEventListener("click", savePicture);
for (const event of ["dragover", "dragleave", "drop"]) {
  window.addEventListener(event, (happened) => {
    happened.preventDefault();
    $("drop").classList.toggle("over", event === "dragover");
    if (event === "drop") open(happened.dataTransfer.files);
  });
}
window.addEventListener("paste", (event) => open([...event.clipboardData.files]));
window.addEventListener("resize", () => {
  if (!$("work").hidden) outlined();
});
window.addEventListener("pagehide", stop);
$("start").inert = false; // what is pressed before this script ran would be lost

// ---- where the work is done: here by default, unless the server is this machine's own

const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

function keeping() {
  if (state.pictured) $("kept").textContent = "Small pictures of faces that you gave are kept; you can erase them.";
  else $("kept").textContent = state.engine === browser ? "Pictures stay on this device." : "Pictures are not kept.";
}

/** Nothing leaves this device before it is clear where the work is done. Throws what stands against it. */
async function ready() {
  await settled;
  if (state.blocked) throw new Error(state.blocked);
}

let fetched = null;

/** The portrait, fetched once, so that it is there when the network is not. */
const portrait = () =>
  (fetched ??= ask("/web/portrait.jpg").catch((error) => {
    fetched = null;
    throw error;
  }));

async function work(where) {
  $("where").disabled = true;
  $("why").textContent = "";
  try {
    if (where === "browser") await Promise.all([browser.open(), portrait()]);
    state.engine = where === "browser" ? browser : server;
  } catch (error) {
    state.engine = server;
    $("why").textContent = `In this browser it cannot be: ${error.message}`;
  }
  document.querySelector(`[name=where][value=${state.engine.name}]`).checked = true;
  $("where").disabled = false;
  keeping();
  $("consent-where").textContent = state.engine === browser ? "in this browser; nothing is sent" : "on the server";
}

$("where").addEventListener("change", (event) => {
  stop();
  settled = work(event.target.value);
});

const hours = (n) => (n === 24 ? "for a day" : n < 1 ? `for ${Math.round(60 * n)} minutes` : n === 1 ? "for an hour" : `for ${n} hours`);

async function begin() {
  try {
    const cards = await admitted();
    const active = cards.find((card) => card.active);
    $("model").textContent = `Model ${active.name}`;
  } catch (error) {
    state.blocked = $("why").textContent = error.message;
    return;
  }
  await Promise.all([work(own ? "server" : "browser"), introduced()]);
}

/** What this server is for, and how long it keeps what. */
async function introduced() {
  try {
    const about = await ask("/readyz");
    $("consent-hours").textContent = hours(about.retention_hours);
    if (about.purpose !== "personal") {
      $("consent-purpose").textContent = `This server reads faces for: ${about.purpose_means}.`;
      $("consent-purpose").hidden = false;
    }
  } catch (error) {
    $("why").textContent = error.message;
  }
}

let settled = begin();
