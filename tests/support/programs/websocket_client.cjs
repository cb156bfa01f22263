// A WebSocket client: the package ws, over Node's http2 (RFC 8441) or over HTTP/1.1.
//
// usage: node websocket_client.cjs URL AUTHORITY        wss://... is HTTP/2, ws://... HTTP/1.1
//
// Tries out an echo server, and prints a JSON object with what came of it. Needs NODE_PATH where ws
// is installed by the system.
const { randomBytes } = require("node:crypto");
const { readFileSync } = require("node:fs");
const http2 = require("node:http2");
const { on, once } = require("node:events");
const WebSocket = require("ws");

const [url, authority] = process.argv.slice(2);

async function overHttp2() {
  const { host, pathname } = new URL(url);
  const session = http2.connect(`https://${host}`, { ca: readFileSync(authority) });
  const [settings] = await once(session, "remoteSettings");
  if (!settings.enableConnectProtocol) throw new Error("no extended CONNECT");
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":path": pathname,
    "sec-websocket-version": "13",
  }, { endStream: false });
  const [headers] = await once(stream, "response");
  if (headers[":status"] !== 200) throw new Error(`status ${headers[":status"]}`);
  stream.setNoDelay = () => {}; // ws calls it: it takes the stream for a TCP connection
  const socket = new WebSocket(null);
  socket._isServer = false; // mask what is sent, and refuse what is masked
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false });
  socket.once("close", () => session.close());
  return socket;
}

async function overHttp1() {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

async function main() {
  const socket = await (url.startsWith("wss:") ? overHttp2() : overHttp1());
  const report = {};
  const messages = on(socket, "message"); // none is lost while nobody waits
  const receive = async () => (await messages.next()).value;

  const texts = ["hello", "", "žluťoučký kůň 🐎"];
  for (const text of texts) socket.send(text);
  report.texts = true;
  for (const text of texts) {
    const [data, isBinary] = await receive();
    if (isBinary || data.toString() !== text) report.texts = `${data}, not ${text}`;
  }

  const large = randomBytes(20_000_000);
  socket.send(large);
  const [echo, isBinary] = await receive();
  report.large = isBinary && large.equals(echo);

  // Three frames make a message, and a Ping comes between them. The Pong is there before the end.
  const pong = once(socket, "pong");
  socket.send("one, ", { fin: false });
  socket.send("two, ", { fin: false });
  socket.ping("are you there?");
  report.pong = (await pong)[0].toString();
  socket.send("three", { fin: true });
  report.fragments = (await receive())[0].toString();

  socket.close(4321, "enough");
  const [code, reason] = await once(socket, "close");
  report.close = [code, reason.toString()];
  console.log(JSON.stringify(report));
}

main().catch((error) => { console.error(error); process.exit(1); });
