// The list of faces beside the picture: a card each, reused from frame to frame so that focus stays where it is.

import { colour, percent, thumb } from "./draw.js";

const list = document.getElementById("faces");
const template = document.getElementById("card");

/** What tells a face from the others of its video, or of its picture. */
export const keyOf = (face, i) => face.track_id ?? i;

/** `source`: what the thumbnails are cut from. `on`: {choose(i), correct(i)}. */
export function show(faces, source, on) {
  while (list.children.length > faces.length) list.lastElementChild.remove();
  list.classList.toggle("many", faces.length > 2); // bars of the chosen one alone
  document.getElementById("hint").hidden = faces.length <= 2;
  faces.forEach((face, i) => fill(list.children[i] || added(i, on), face, source, i));
}

function added(i, on) {
  const card = template.content.firstElementChild.cloneNode(true);
  card.querySelector(".face").addEventListener("click", () => on.choose(i));
  card.querySelector(".wrong").addEventListener("click", () => on.correct(i));
  list.append(card);
  return card;
}

function fill(card, face, source, i) {
  const name = face.expression || "face";
  const who = String(keyOf(face, i));
  if (card.dataset.who !== who) card.querySelector(".wrong").textContent = "Not right?";
  card.dataset.who = who;
  card.querySelector("strong").textContent = name;
  card.querySelector(".sure").textContent = face.expression ? percent(face.confidence) : "";
  card.querySelector(".tag").hidden = !face.unsure;
  card.querySelector(".tag").title = "Too faint, too small or too mixed an answer to rely on";
  card.querySelector(".face").setAttribute("aria-label", `Face ${i + 1}: ${name}. Show it in the picture, with all its numbers`);
  card.querySelector(".wrong").setAttribute("aria-label", `Not right? Correct face ${i + 1}`);
  thumb(card.querySelector("canvas"), source, face);
  bars(card.querySelector(".bars"), face);
}

/** A bar a name; a thin mark shows what the single frame says where the bar is steadied. */
function bars(place, face) {
  const names = Object.keys(face.probability || {});
  while (place.children.length > names.length) place.lastElementChild.remove();
  names.forEach((name, i) => {
    const row = place.children[i] || place.appendChild(line());
    const share = face.probability[name];
    row.classList.toggle("top", name === face.expression);
    row.children[0].textContent = name;
    row.children[2].textContent = percent(share);
    const [bar, mark] = row.children[1].children;
    bar.style.width = `${100 * share}%`;
    bar.style.background = colour(name);
    mark.hidden = !face.raw || Math.abs(face.raw[name] - share) < 0.02;
    if (face.raw) mark.style.left = `calc(${100 * face.raw[name]}% - 1px)`;
  });
}

function line() {
  const row = document.createElement("div");
  row.className = "bar";
  row.append(...["span", "i", "span"].map((tag) => document.createElement(tag)));
  row.children[1].setAttribute("aria-hidden", "true");
  row.children[1].append(document.createElement("b"), document.createElement("u"));
  return row;
}

export function choose(i) {
  [...list.children].forEach((card, k) => card.classList.toggle("chosen", k === i));
}
