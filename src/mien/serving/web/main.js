// The page: what is shown, and what happens when something is dropped, chosen, pressed.

import * as draw from "./draw.js";
import * as cards from "./faces.js";
import { browser } from "./browser.js";
import { save } from "./save.js";
import { admitted, ask, post, server } from "./server.js";

const $ = (id) => document.getElementById(id);
const KEEP = 60; // seconds of the line
const WIDE = 640; // pixels of a live frame's longer side

const state = { engine: server, answer: null, picture: null, name: "picture", live: null, stream: null, rows: [], labels: [], chosen: -1, asked: 0 };

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

function render(answer, source) {
  state.answer = answer;
  savable();
  draw.boxes($("overlay"), answer.faces, answer.width, answer.height, state.chosen);
  cards.show(answer.faces, source, { choose, correct });
  const n = answer.faces.length;
  $("count").textContent = n === 0 ? "No face found" : n === 1 ? "One face" : `${n} faces`;
}

/** There is something to save only when there is an answer. */
function savable() {
  $("save-json").disabled = $("save-png").disabled = !state.answer;
}

function choose(i) {
  state.chosen = state.chosen === i ? -1 : i;
  cards.choose(state.chosen);
  if (state.answer) draw.boxes($("overlay"), state.answer.faces, state.answer.width, state.answer.height, state.chosen);
}

const told = (answer) =>
  answer.faces.length
    ? answer.faces.map((f, i) => `Face ${i + 1}: ${f.expression}, ${draw.percent(f.confidence)}${f.unsure ? ", unsure" : ""}`).join(". ")
    : "No face found.";

// ---- a picture

async function picture(blob, name) {
  stop();
  const mine = ++state.asked;
  state.answer = null;
  within(undefined);
  state.name = name;
  state.chosen = -1;
  complain("");
  working(true);
  $("video").hidden = $("line").hidden = true;
  const canvas = $("picture");
  canvas.hidden = false;
  $("busy").hidden = false;
  cards.show([], null, {});
  $("count").textContent = "Faces";
  try {
    const bitmap = await createImageBitmap(blob).catch(() => null);
    if (mine !== state.asked) return;
    if (bitmap) paint(canvas, bitmap, bitmap.width, bitmap.height);
    const answer = await state.engine.predict(blob);
    if (mine !== state.asked) return; // another was chosen meanwhile
    if (answer.error) throw new Error(answer.error.message);
    if (!bitmap) paint(canvas, null, answer.width, answer.height);
    render(answer, canvas);
    say(told(answer));
    $("count").focus({ preventScroll: true });
  } catch (error) {
    if (mine !== state.asked) return;
    complain(error.message);
    $("count").textContent = "That did not work";
    draw.boxes($("overlay"), [], 1, 1);
  } finally {
    if (mine === state.asked) $("busy").hidden = true;
    savable();
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
  else picture(file, file.name || "pasted");
}

// ---- a camera or a video: frames go out as fast as answers come back

async function camera() {
  state.asked += 1;
  $("consent").returnValue = "no";
  $("record").checked = false;
  for (const part of document.querySelectorAll("#consent .server")) part.hidden = state.engine === browser;
  $("consent").showModal();
  await new Promise((done) => $("consent").addEventListener("close", done, { once: true }));
  if ($("consent").returnValue !== "yes") return;
  stop();
  complain("");
  let stream;
  try {
    if (!navigator.mediaDevices) throw Object.assign(new Error(), { name: "InsecureError" });
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" }, audio: false });
  } catch (error) {
    working(true);
    $("picture").hidden = false;
    paint($("picture"), null, 640, 360);
    cards.show([], null, {});
    $("count").textContent = "No camera";
    complain(refused(error));
    return;
  }
  state.stream = stream;
  state.name = "camera";
  stream.getVideoTracks()[0].addEventListener("ended", () => {
    stop();
    complain("The camera was unplugged, or is used elsewhere.");
  });
  const video = $("video");
  video.src = "";
  video.srcObject = stream;
  const record = $("record").checked && state.engine === server ? "I agree that small pictures of my face are kept to improve the model." : "";
  roll(video, { title: "camera", consent: record });
  $("on-says").textContent = record ? "Camera on, small pictures are kept" : "Camera on";
  say($("on-says").textContent);
  keeping(Boolean(record));
  $("on").hidden = false;
  $("stop").focus();
}

function refused(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed. Allow it in the browser's address bar, or choose a picture.";
  if (error.name === "InsecureError") return "Browsers give the camera to secure pages only: open this one by https. Or choose a picture.";
  if (error.name === "NotFoundError") return "There is no camera here. Choose a picture instead.";
  return `The camera cannot be used: ${error.message}`;
}

function film(file) {
  stop();
  complain("");
  state.name = file.name;
  const video = $("video");
  video.srcObject = null;
  video.src = URL.createObjectURL(file);
  video.onended = () => stop();
  video.onerror = () => {
    stop();
    complain("This video cannot be played here. MP4 (H.264) and WebM work in most browsers.");
  };
  roll(video, { title: "video", keep: false });
}

async function roll(video, session) {
  working(true);
  state.answer = null;
  savable();
  state.rows = [];
  within(undefined);
  state.chosen = -1;
  $("picture").hidden = true;
  video.hidden = $("line").hidden = $("stop").hidden = false;
  $("mark").hidden = session.keep === false || state.engine === browser; // a mark is kept with the numbers
  const sent = document.createElement("canvas");
  const live = state.engine.live({
    hello: (message) => {
      state.labels = message.labels;
      within(session.keep === false ? undefined : message.session);
      live.tell("session", session);
    },
    result: (message, since) => seen(message, video, since),
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
  const scale = video.videoWidth / message.width;
  const faces = message.faces.map((face) => ({ ...face, box: face.box.map((v) => v * scale) }));
  render({ ...message, faces, width: video.videoWidth, height: video.videoHeight }, video);
  const first = message.faces[0];
  const now = performance.now() / 1e3;
  if (first) state.rows.push({ time: now, probability: first.probability, raw: first.raw });
  state.rows = state.rows.filter((row) => now - row.time < KEEP);
  draw.timeline($("timeline"), state.rows, state.labels);
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
  $("erase").hidden = !state.session;
  if (held) $("again").focus();
}

/** The session that answers belong to; what was kept of it can be erased once it is over. */
function within(session) {
  state.session = session;
  $("erase").hidden = true;
}

async function erase() {
  try {
    await ask(`/v1/sessions/${state.session}`, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) return complain(error.message); // nothing had been kept
  }
  within(undefined);
  keeping(false);
  say("Everything that was kept of this session is erased.");
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
  draw.thumb(crop, $("picture").hidden ? $("video") : $("picture"), face);
  $("correct").showModal();
  $("correct").onclose = async () => {
    const chosen = names.querySelector(":checked")?.value;
    if ($("correct").returnValue !== "yes" || !chosen) return;
    const body = { expression: chosen, probability: face.probability, model };
    if (state.session) body.session = state.session;
    if ($("give").checked) body.face_png = crop.toDataURL("image/png");
    try {
      await post("/v1/feedback", body);
      say("Thank you: the correction is kept.");
      thanks(i);
    } catch (error) {
      complain(error.message);
    }
  };
}

function thanks(i) {
  const link = $("faces").children[i]?.querySelector(".wrong");
  if (link) link.textContent = "Thank you, it is noted";
}

// ---- keep an answer

const stem = () => state.name.replace(/\.[^.]*$/, "") || "mien";

function savePicture() {
  const source = $("picture").hidden ? $("video") : $("picture");
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
  stop();
  working(false);
  $("lead").scrollIntoView();
  $("file").focus();
});
$("mark").addEventListener("click", () => {
  state.live?.tell("mark", { text: "mark" });
  say("This moment is marked.");
});
$("sample").addEventListener("click", async () => picture(await (await fetch("/web/portrait.jpg")).blob(), "portrait.jpg"));
$("save-json").addEventListener("click", () =>
  save(new Blob([JSON.stringify(state.answer, null, 2)], { type: "application/json" }), `${stem()}.json`));
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
  if (state.answer && !$("work").hidden) draw.boxes($("overlay"), state.answer.faces, state.answer.width, state.answer.height, state.chosen);
});
window.addEventListener("pagehide", stop);

// ---- where the work is done: here by default, unless the server is this machine's own

const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

function keeping(recorded) {
  if (state.engine === browser) $("kept").textContent = "Pictures stay on this device.";
  else $("kept").textContent = recorded ? "Small pictures of faces are kept, until you erase them." : "Pictures are not kept.";
}

async function work(where) {
  $("where").disabled = true;
  try {
    if (where === "browser") await browser.open();
    state.engine = where === "browser" ? browser : server;
  } catch (error) {
    state.engine = server;
    $("why").textContent = `In this browser it cannot be: ${error.message}`;
  }
  document.querySelector(`[name=where][value=${state.engine.name}]`).checked = true;
  $("where").disabled = false;
  keeping(false);
  $("consent-where").textContent = state.engine === browser ? "in this browser; nothing is sent" : "on the server";
}

$("where").addEventListener("change", (event) => {
  stop();
  work(event.target.value);
});

const hours = (n) => (n === 24 ? "for a day" : n < 1 ? `for ${Math.round(60 * n)} minutes` : n === 1 ? "for an hour" : `for ${n} hours`);

async function begin() {
  try {
    const cards = await admitted();
    const active = cards.find((card) => card.active);
    $("model").textContent = `Model ${active.name}`;
    const about = await ask("/readyz");
    $("consent-hours").textContent = hours(about.retention_hours);
    if (about.purpose !== "personal") {
      $("consent-purpose").textContent = `This server reads faces for: ${about.purpose_means}.`;
      $("consent-purpose").hidden = false;
    }
    await work(own ? "server" : "browser");
  } catch (error) {
    $("why").textContent = error.message;
  }
}
begin();
