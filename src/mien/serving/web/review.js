// Review corrections: one face after another, by button or key; what is decided can be undone.

import { colour, percent } from "./draw.js";
import { admitted, ask, post } from "./server.js";

const $ = (id) => document.getElementById(id);
const state = { labels: [], waiting: 0, questions: [], skipped: new Set(), decided: [], busy: false };

function complain(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

const now = () => state.questions[0];

async function load() {
  const { waiting, questions } = await ask("/v1/reviews");
  state.waiting = waiting;
  state.questions = questions.filter(({ id }) => !state.skipped.has(id));
  show();
}

function show() {
  const one = now();
  $("asked").hidden = !one;
  $("nothing").hidden = Boolean(one);
  $("undo").disabled = $("back").disabled = !state.decided.length;
  if (!one) {
    $("done").textContent = state.skipped.size ? "Only what you skipped is left" : "Nothing waits for you";
    return $("done").focus();
  }
  $("left").textContent = state.waiting === 1 ? "The last one that waits." : `${state.waiting} wait.`;
  $("face").src = `data:image/png;base64,${one.face_png}`;
  document.querySelector("details").open = false;
  $("about").replaceChildren(...about(one).flatMap(([term, text]) => [node("dt", term), node("dd", text)]));
  $("question").focus();
}

const node = (kind, textContent) => Object.assign(document.createElement(kind), { textContent });

/** What others and the model said of it. */
function about(one) {
  const told = Object.entries(one.given || {}).sort((a, b) => b[1] - a[1]).slice(0, 3);
  return [
    ["Said to be", one.expression],
    ["Who said so", one.client === "local" ? "this machine's owner" : one.client],
    ["The model", told.map(([name, share]) => `${name} ${percent(share)}`).join(", ") || "not known"],
    ["Given", new Date(1e3 * one.created).toLocaleString()],
    ["Waits because", one.why],
    ["Note", one.note],
  ].filter(([, text]) => text);
}

async function decide(decision, expression = "") {
  const one = now();
  if (!one || state.busy) return;
  state.busy = true;
  complain("");
  try {
    await post("/v1/reviews", { correction: one.id, decision, expression: expression === one.expression ? "" : expression });
    state.decided.push(one);
    state.questions.shift();
    state.waiting -= 1;
    $("said").textContent = decision === "accepted" ? `Accepted as ${expression}.` : "Rejected.";
    if (now() || !state.waiting) show();
    else await load();
  } catch (error) {
    complain(error.message);
    if (error.status === 404) await load(); // its person erased it meanwhile
  } finally {
    state.busy = false;
  }
}

async function undo() {
  const last = state.decided.at(-1);
  if (!last || state.busy) return;
  state.busy = true;
  try {
    await post("/v1/reviews", { correction: last.id, decision: "reopened" });
    state.decided.pop();
    state.questions.unshift(last);
    state.waiting += 1;
    $("said").textContent = "Taken back.";
    show();
  } catch (error) {
    complain(error.message);
  } finally {
    state.busy = false;
  }
}

function skip() {
  if (!now() || state.busy) return;
  state.skipped.add(state.questions.shift().id);
  if (now()) show();
  else load().catch((error) => complain(error.message));
}

function pick(name, number) {
  const button = Object.assign(document.createElement("button"), { className: "button", type: "button" });
  button.style.setProperty("--tint", colour(name));
  button.append(node("kbd", number), name);
  button.addEventListener("click", () => decide("accepted", name));
  return button;
}

$("reject").addEventListener("click", () => decide("rejected"));
$("skip").addEventListener("click", skip);
for (const id of ["undo", "back"]) $(id).addEventListener("click", undo);
$("again").addEventListener("click", () => {
  state.skipped.clear();
  load().catch((error) => complain(error.message));
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const name = state.labels[Number(event.key) - 1];
  if (name) decide("accepted", name);
  else if (event.key === "x") decide("rejected");
  else if (event.key === "s") skip();
  else if (event.key === "z") undo();
});

try {
  state.labels = (await admitted()).find((model) => model.active).labels;
  $("names").replaceChildren(...state.labels.map((name, i) => pick(name, i + 1)));
  await load();
} catch (error) {
  complain(error.message);
}
