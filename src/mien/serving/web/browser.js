// Work done in this browser: the same interface as server.js, by a worker with ONNX Runtime Web.

import { ask, headers } from "./server.js";

let worker;
let next = 0;
const waiting = new Map();

function call(message, transfer = []) {
  return new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ ...message, id }, transfer);
  });
}

function started() {
  worker = new Worker("/web/worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) asked?.reject(new Error(data.error));
    else asked?.resolve(data.answer);
  };
  worker.onerror = () => {
    for (const { reject } of waiting.values()) reject(new Error("ONNX Runtime Web could not be started in this browser."));
    waiting.clear();
  };
}

export const browser = {
  name: "browser",
  labels: [],

  /** Fetch the nets and open them, once. Throws where this server has no runtime for the page, or the browser cannot run it. */
  async open() {
    if (worker) return;
    const about = await ask("/v1/browser");
    started();
    try {
      this.labels = (await call({ open: about, headers: headers() })).labels;
    } catch (error) {
      worker.terminate();
      worker = undefined;
      throw error;
    }
  },

  async predict(blob) {
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" }).catch(() => null); // levels as they are in the file
    if (!bitmap) throw new Error("This browser cannot read the file as a picture.");
    return call({ bitmap, seq: 0, time: 0, moving: false, name: "image" }, [bitmap]);
  },

  live(on) {
    const camera = { seq: 0, credit: 1, begun: performance.now(), open: true };
    worker.postMessage({ forget: true });
    queueMicrotask(() => on.hello({ labels: this.labels }));
    return {
      ready: () => camera.open && camera.credit > 0,
      async frame(canvas) {
        camera.credit -= 1;
        const since = performance.now();
        try {
          const bitmap = await createImageBitmap(canvas);
          const time = (since - camera.begun) / 1e3;
          const answer = await call({ bitmap, seq: camera.seq++, time, moving: true, name: "camera" }, [bitmap]);
          if (camera.open) on.result({ ...answer, latency_ms: performance.now() - since, dropped: 0 }, since);
        } catch (error) {
          if (camera.open) on.end(error.message);
        }
        camera.credit += 1;
      },
      tell: () => {},
      close: () => (camera.open = false),
    };
  },
};
