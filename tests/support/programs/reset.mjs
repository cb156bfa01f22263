// A client that resets a stream in the middle and goes on with others, with Node's http2 module.
//
// usage: node reset.mjs URL AUTHORITY PATH OTHER-PATH
//
// Reads 100,000 bytes of PATH, resets that stream, and gets OTHER-PATH over the same connection.
// Prints the status of both responses and the code of the reset.
import { readFileSync } from "node:fs";
import { connect, constants } from "node:http2";

const [url, authority, path, other] = process.argv.slice(2);
const session = connect(url, { ca: readFileSync(authority) });

function get(path, enough) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path });
    let status = 0;
    let length = 0;
    stream.on("response", (headers) => { status = headers[":status"]; });
    stream.on("data", (chunk) => {
      length += chunk.length;
      if (length >= enough) stream.close(constants.NGHTTP2_CANCEL);
    });
    stream.on("close", () => resolve(`${status} ${stream.rstCode}`));
    stream.on("error", reject);
  });
}

try {
  console.log(await get(path, 100_000));
  console.log(await get(other, Infinity));
  session.close();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
