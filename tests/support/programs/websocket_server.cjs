// A WebSocket server: the package ws, over Node's http2 (RFC 8441) or over HTTP/1.1.
//
// usage: node websocket_server.cjs [CERTIFICATE KEY]     without them it speaks HTTP/1.1
//
// Sends all messages back. /ping sends a Ping, and the data of the Pong as a message, then closes;
// /policy closes with code 1008. Its first line names the port that it chose. Needs NODE_PATH
// where ws is installed by the system.
const { readFileSync } = require("node:fs");
const http = require("node:http");
const http2 = require("node:http2");
const WebSocket = require("ws");

const [cert, key] = process.argv.slice(2);
const limits = { maxPayload: 0, skipUTF8Validation: false };

function serve(socket, path) {
  socket.on("error", () => {});
  if (path === "/policy") {
    socket.close(1008, "against the policy");
  } else if (path === "/ping") {
    socket.on("pong", (data) => { socket.send(data.toString()); socket.close(1000); });
    socket.ping("are you there?");
  } else {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  }
}

let server;
if (cert) {
  const settings = { enableConnectProtocol: true };
  server = http2.createSecureServer({ cert: readFileSync(cert), key: readFileSync(key), settings });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":protocol"] !== "websocket") {
      stream.respond({ ":status": 404 }, { endStream: true });
      return;
    }
    stream.respond({ ":status": 200 });
    stream.setNoDelay = () => {}; // ws calls it: it takes the stream for a TCP connection
    const socket = new WebSocket(null);
    socket.setSocket(stream, Buffer.alloc(0), limits);
    serve(socket, headers[":path"]);
  });
} else {
  server = http.createServer();
  const sockets = new WebSocket.Server({ server, perMessageDeflate: false, maxPayload: 0 });
  sockets.on("connection", (socket, request) => serve(socket, request.url));
}
server.listen(0, "127.0.0.1", () => console.log(`:${server.address().port}`));
