// Collect labelled faces of one person: asks, shows which expression to make, takes pictures, and sends those that are kept.

import { admitted, ask, post } from "./server.js";

const $ = (id) => document.getElementById(id);
const SIDE = 96; // pixels of a kept face
const SMALLEST = 48; // pixels of a face in the camera's picture that is large enough
const PAUSE = 350; // milliseconds between two pictures: sooner, they are the same
const TRIES = 40; // pictures that are looked at for one expression

const state = { labels: [], at: 0, stream: null, taken: [], crop: null, busy: false };

function complain(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

function only(id) {
  for (const part of ["agree", "sitting", "review"]) $(part).hidden = part !== id;
}

const rest = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- agreed

$("agree").addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  try {
    const models = await admitted();
    state.labels = models.find((model) => model.active).labels;
    state.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" }, audio: false });
  } catch (error) {
    return complain(error.name === "NotAllowedError" ? "The camera was not allowed. Allow it in the browser's address bar." : `The camera cannot be used: ${error.message}`);
  }
  $("video").srcObject = state.stream;
  await $("video").play();
  Object.assign(state, { at: 0, taken: [] });
  only("sitting");
  wanted();
});

/** Say which expression is to be shown now. */
function wanted() {
  if (state.at >= state.labels.length) return review();
  $("show").textContent = `Show: ${state.labels[state.at]}`;
  $("why").textContent = `${state.at + 1} of ${state.labels.length}. Press the button while you show it.`;
  $("take").focus();
}

// ---- pictures of one expression

$("take").addEventListener("click", async () => {
  if (state.busy) return;
  state.busy = true;
  $("take").disabled = true;
  complain("");
  try {
    await take(state.labels[state.at], Number($("each").value));
    state.at += 1;
  } catch (error) {
    complain(error.message);
  } finally {
    state.busy = false;
    $("take").disabled = false;
  }
  if (state.stream) wanted();
});
$("skip").addEventListener("click", () => {
  if (state.busy) return;
  state.at += 1;
  wanted();
});
$("stop").addEventListener("click", () => review());

async function take(expression, each) {
  let count = 0;
  for (let tries = 0; tries < TRIES && count < each && state.stream; tries += 1) {
    const frame = pictured($("video"));
    const blob = await new Promise((done) => frame.toBlob(done, "image/jpeg", 0.92));
    const { faces } = await ask("/v1/predict", { method: "POST", headers: { "content-type": "image/jpeg" }, body: blob });
    const why = unfit(faces);
    if (why) $("why").textContent = why;
    else {
      count += 1;
      state.taken.push({ expression, face: cut(frame, faces[0].box), kept: true });
      $("why").textContent = `${count} of ${each}`;
    }
    await rest(PAUSE);
  }
  if (!count && state.stream) throw new Error("No picture could be taken: sit in front of the camera, alone and in good light, and try again, or skip this one.");
}

function unfit(faces) {
  if (faces.length !== 1) return faces.length ? "Several faces are in view; one is wanted." : "No face is in view.";
  const [left, top, right, bottom] = faces[0].box;
  return Math.max(right - left, bottom - top) < SMALLEST ? "Come nearer." : "";
}

function pictured(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas;
}

/** The face as a square, cut as widely as the classifier's crops are. */
function cut(frame, [left, top, right, bottom]) {
  const side = Math.sqrt((right - left) * (bottom - top)) * 1.1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d").drawImage(frame, (left + right - side) / 2, (top + bottom - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return canvas;
}

// ---- what is kept

function review() {
  for (const track of state.stream?.getTracks() || []) track.stop();
  state.stream = null;
  $("video").srcObject = null;
  only("review");
  $("taken").textContent = state.taken.length ? `${state.taken.length} pictures were taken` : "No picture was taken";
  $("keep").hidden = !state.taken.length;
  $("pictures").replaceChildren(...state.taken.map(figure));
  $("taken").focus();
}

function figure(one) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(one.face, one.expression);
  button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => {
    one.kept = !one.kept;
    button.setAttribute("aria-pressed", String(one.kept));
  });
  return button;
}

$("keep").addEventListener("click", async () => {
  $("keep").disabled = true;
  const kept = state.taken.filter((one) => one.kept);
  const about = { subject: $("subject").value.trim(), agreed: $("words").textContent.trim(), note: "collected" };
  try {
    while (kept.length) {
      const [one] = kept;
      await post("/v1/feedback", { ...about, expression: one.expression, face_png: one.face.toDataURL("image/png").split(",")[1] });
      one.kept = false; // it is not sent twice, whatever happens after it
      kept.shift();
    }
    done("Thank you. They are kept.");
  } catch (error) {
    complain(error.message);
  } finally {
    $("keep").disabled = false;
  }
});
$("drop").addEventListener("click", () => done("Nothing was kept."));

function done(text) {
  state.taken = [];
  $("consent").checked = false;
  only("agree");
  complain(text);
}

$("agree").inert = false;
