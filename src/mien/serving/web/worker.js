// The recognizer in a thread of its own: pictures in, answers out, on ONNX Runtime Web. Frames never leave the device.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";
import { pixels } from "./image.js";
import { classify, detect, doubted } from "./recognizer.js";
import { smoother, tracker } from "./tracking.js";

ort.env.wasm.numThreads = 1;
ort.env.wasm.proxy = false;
ort.env.wasm.initTimeout = 30000;
ort.env.logLevel = "error";

const DOUBT = 0.5; // of the detector's threshold: a face that scores so little goes on with a track, and starts none
let parts;
let camera;

async function opened(about, headers) {
  const session = async (url) => {
    const answer = await fetch(url, { headers });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return ort.InferenceSession.create(new Uint8Array(await answer.arrayBuffer()), { executionProviders: ["wasm"] });
  };
  const finder = await session(about.detector.url);
  const namer = await session(about.classifier.url);
  const { size, channels } = about.classifier.card.preprocessing;
  const depth = channels === "gray" ? 1 : 3;
  return {
    about,
    async find(planes, height, width) {
      const out = await finder.run({ [finder.inputNames[0]]: new ort.Tensor("float32", planes, [1, 3, height, width]) });
      return finder.outputNames.map((name) => out[name]).map(({ data, dims }) => ({ data, height: dims[1], width: dims[2] }));
    },
    async name(chips, n) {
      const output = about.classifier.card.output;
      const out = await namer.run({ [namer.inputNames[0]]: new ort.Tensor("float32", chips, [n, size, size, depth]) }, [output]);
      return out[output].data;
    },
  };
}

async function answered({ bitmap, seq, time, moving, name }) {
  const { about } = parts;
  const image = pixels(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  const card = about.detector.card;
  let faces = await detect(image, parts.find, moving ? { ...card, score: DOUBT * card.score } : card);
  if (moving) {
    camera ??= { track: tracker(card.score), smooth: smoother(about.smooth, (...said) => doubted(...said, about.classifier.card)) };
    faces = camera.track(faces, time);
  }
  const ids = faces.map((face) => face.track_id ?? null);
  faces = (await classify(image, faces, parts.name, { card: about.classifier.card, crop: about.detector.crop })).map((face, i) => ({ ...face, track_id: ids[i] }));
  if (moving) faces = camera.smooth(faces, time);
  return {
    source: name, frame: seq, time_s: time, width: image.width, height: image.height, model: about.classifier.card.name, error: null, faces,
  };
}

onmessage = async ({ data }) => {
  try {
    if (data.open) {
      parts = await opened(data.open, data.headers);
      postMessage({ id: data.id, answer: { labels: data.open.classifier.card.labels } });
    } else if (data.forget) {
      camera = undefined;
    } else {
      postMessage({ id: data.id, answer: await answered(data) });
    }
  } catch (error) {
    postMessage({ id: data.id, error: error.message });
  }
};
