// Work done on the server: one picture by REST, live frames by WebSocket (binary in, JSON out).

export const key = () => sessionStorage.getItem("key") || "";
export const headers = (more = {}) => (key() ? { ...more, authorization: `Bearer ${key()}` } : more);

/** JSON of a path. Throws an Error that says what was wrong and what would work. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: headers(options.headers) }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  if (answer.status === 204) return null;
  const kind = answer.headers.get("content-type") || "";
  const body = kind.includes("json") ? await answer.json() : await answer.blob();
  if (!answer.ok) throw Object.assign(new Error(said(body, answer)), { status: answer.status });
  return body;
}

const said = (body, answer) => [body.detail || `The server answered ${answer.status}`, body.would_work].filter(Boolean).map(sentence).join(" ");
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1).replace(/[.\s]+$/, "")}.`;

/** Ask for a key, once, where the server wants one. Throws an Error where none is given. */
export async function admitted() {
  try {
    return await ask("/v1/models");
  } catch (error) {
    if (error.status !== 401) throw error;
    const given = window.prompt("This server needs a key. Paste yours:", key());
    if (!given) throw new Error("This server needs a key; its owner gives them out. Reload the page to enter yours.");
    sessionStorage.setItem("key", given.trim());
    return ask("/v1/models");
  }
}

export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** A WebSocket of this server; browsers let it send no header, so the key goes into the address. */
export function socketTo(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (key()) address.searchParams.set("key", key());
  return new WebSocket(address);
}

/** What the server's recognizer does, in the form that the one in the browser has as well. */
export const server = {
  name: "server",

  async predict(blob) {
    return ask("/v1/predict", { method: "POST", headers: { "content-type": blob.type || "application/octet-stream" }, body: blob });
  },

  /** `on`: {hello, result, end}. Gives {frame(bitmap or video, time), tell(event, data), close}. */
  live(on) {
    const socket = socketTo("/v1/live");
    socket.binaryType = "arraybuffer";
    const camera = { seq: 0, credit: 0, sent: new Map(), open: false, rest: 0 };
    socket.onmessage = ({ data }) => {
      const [event, message] = JSON.parse(data);
      if (event === "hello") {
        camera.credit = message.credit;
        camera.open = true;
        on.hello(message);
      } else if (event === "result") {
        camera.credit += 1 + message.dropped;
        if (message.error) camera.rest = performance.now() + 1000; // what was refused is not asked for again at once
        on.result(message, camera.sent.get(message.seq));
        for (const seq of camera.sent.keys()) if (seq <= message.seq) camera.sent.delete(seq);
      } else if (event === "problem") {
        if (camera.open) on.note(said(message, {}));
        else on.end(said(message, {}));
      }
    };
    socket.onclose = () => on.end(camera.open ? "The connection to the server ended." : "The server could not be reached.");
    return {
      ready: () => camera.credit > 0 && performance.now() >= camera.rest && socket.readyState === WebSocket.OPEN,
      frame(canvas) {
        camera.credit -= 1;
        const seq = camera.seq++;
        const at = Date.now();
        camera.sent.set(seq, performance.now());
        canvas.toBlob(async (blob) => {
          const head = new DataView(new ArrayBuffer(12));
          head.setUint32(0, seq, true);
          head.setFloat64(4, at, true);
          if (!blob) return void (camera.credit += 1);
          const message = await new Blob([head, blob]).arrayBuffer();
          if (socket.readyState === WebSocket.OPEN) socket.send(message);
        }, "image/jpeg", 0.85);
      },
      tell: (event, data) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify([event, data])),
      close() {
        on.end = () => {};
        socket.close();
      },
    };
  },
};
