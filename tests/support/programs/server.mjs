// A server on Node's http2 module: the files of a folder, and the content of a POST sent back.
//
// usage: node server.mjs FOLDER [CERTIFICATE KEY]
//
// With a certificate it speaks TLS. Its first line names the port that it chose.
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createSecureServer, createServer } from "node:http2";
import { join } from "node:path";

const [folder, cert, key] = process.argv.slice(2);
const server = cert
  ? createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) })
  : createServer();

server.on("sessionError", () => {});
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  if (!/^\/[^\0]*$/.test(headers[":path"] ?? "")) {
    stream.respond({ ":status": 400 }, { endStream: true });
    return;
  }
  if (headers[":method"] === "POST") {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
    return;
  }
  const file = join(folder, headers[":path"]);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    stream.respond({ ":status": 404 }, { endStream: true });
    return;
  }
  stream.respond({ ":status": 200, "content-length": size });
  if (headers[":method"] === "HEAD") stream.end();
  else createReadStream(file).pipe(stream);
});
server.listen(0, "127.0.0.1", () => console.log(`:${server.address().port}`));
