// A server on Node's http2 module that refuses, hangs up, goes away and keeps silent. Cleartext.
//
// usage: node moody.mjs
//
// Its first line names the port that it chose. Paths:
//   /refuse/N   refused with REFUSED_STREAM for the first N attempts; says how many there were
//   /reset      reset with ENHANCE_YOUR_CALM
//   /cut        hangs up in the middle of the content
//   /silent     no answer
//   /hold       no answer until somebody asks for /release
//   /goaway     GOAWAY that names this stream as the last one, then the answer
//   /echo       what comes in goes out
//   /early      answers at once, and does not want the content
//   /trailers   content and a trailer section
//   /log        what has been seen so far, as JSON
import { constants, createServer } from "node:http2";

const attempts = {};
const resets = [];
let sessions = 0;
let held = [];
const server = createServer({ settings: { maxConcurrentStreams: 20 } });

const answers = {
  refuse(stream, path, count) {
    attempts[path] = (attempts[path] ?? 0) + 1;
    if (attempts[path] <= count) stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else finish(stream, `${attempts[path]}`);
  },
  reset: (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  cut(stream) {
    stream.respond();
    stream.write("some", () => stream.session.destroy());
  },
  silent(stream, path) {
    attempts[path] = (attempts[path] ?? 0) + 1;
  },
  hold: (stream) => held.push(stream),
  release(stream) {
    for (const other of held) finish(other, "released");
    held = [];
    finish(stream, "done");
  },
  goaway(stream) {
    stream.session.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
    finish(stream, "last");
  },
  echo(stream) {
    stream.respond();
    stream.pipe(stream);
  },
  early(stream) {
    finish(stream, "enough");
    stream.close(constants.NGHTTP2_NO_ERROR);
  },
  trailers(stream) {
    stream.respond({ "x-kind": "plain" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
    stream.end("content");
  },
  log: (stream) => finish(stream, JSON.stringify({ attempts, resets, sessions })),
};

function finish(stream, text) {
  if (stream.destroyed) return;
  stream.respond();
  stream.end(text);
}

server.on("session", () => { sessions += 1; });
server.on("stream", (stream, headers) => {
  const path = headers[":path"];
  stream.on("error", () => {});
  stream.on("aborted", () => resets.push([path, stream.rstCode]));
  const [, name, count] = path.split("/");
  answers[name](stream, path, Number(count));
});
server.listen(0, "127.0.0.1", () => console.log(`:${server.address().port}`));
