// Requests over one HTTP/2 connection of Node's http2 module.
//
// usage: node client.mjs URL AUTHORITY (METHOD PATH BODY-FILE)...      "-" where there is none
//
// All requests run at the same time. Prints for each one, in order:
// status, HTTP version, length of the content, SHA-256 of the content.
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { connect } from "node:http2";

const [url, authority, ...rest] = process.argv.slice(2);
const session = connect(url, authority === "-" ? {} : { ca: readFileSync(authority) });

function request(method, path, file) {
  return new Promise((resolve, reject) => {
    const fields = { ":method": method, ":path": path };
    if (file !== "-") fields["content-length"] = statSync(file).size;
    const stream = session.request(fields, { endStream: file === "-" });
    const hash = createHash("sha256");
    let status = 0;
    let length = 0;
    stream.on("response", (headers) => { status = headers[":status"]; });
    stream.on("data", (chunk) => { length += chunk.length; hash.update(chunk); });
    stream.on("end", () => resolve(`${status} 2 ${length} ${hash.digest("hex")}`));
    stream.on("error", reject);
    if (file !== "-") createReadStream(file).pipe(stream);
  });
}

const requests = [];
while (rest.length > 0) requests.push(request(...rest.splice(0, 3)));
session.on("error", (error) => { console.error(error.message); process.exit(1); });
try {
  for (const line of await Promise.all(requests)) console.log(line);
  await new Promise((resolve) => session.close(resolve));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
