// Sends calls with Segment's own library for Node.js; run as a program: ADDRESS KEY FILE OPTIONS.
const { readFileSync } = require("node:fs");
const { gzipSync } = require("node:zlib");
const { Analytics } = require("@segment/analytics-node");

const [address, key, file, options] = process.argv.slice(2);
const { gzip, pause, ...settings } = JSON.parse(options);
if (gzip) {
  // the library sends plain JSON; this is its own way to send otherwise
  settings.httpClient = (url, request) =>
    fetch(url, {
      ...request,
      body: gzipSync(request.body),
      headers: { ...request.headers, "Content-Encoding": "gzip" },
    });
}
const analytics = new Analytics({ writeKey: key, host: address, ...settings });
const errors = [];
analytics.on("error", (error) => errors.push(String(error.reason ?? error.message ?? error)));

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const send = async () => {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  for (const [index, line] of lines.entries()) {
    const [method, fields] = JSON.parse(line);
    analytics[method](Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value])));
    if (pause && index % 20 === 19) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  // what has not gone out yet is sent at the end
  await analytics.closeAndFlush({ timeout: 600_000 });
  console.log(JSON.stringify(errors));
};
send();
