// Answers queries about the portfolio, over HTTP on the documented port.
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const handlers = {
  "/portfolio": () => ({ looks: JSON.parse(fs.readFileSync(path.join(process.env.STATE_DIR, "looks.json"), "utf8")) }),
  "/status": (params) => ({ symbol: JSON.parse(process.env.BOT_CONFIG).symbol, params }),
};

http
  .createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const handler = handlers[request.url];
      const answer = handler
        ? [200, { status: "ok", data: handler(JSON.parse(body || "{}")) }]
        : [404, { status: "error", error: `No handler for path: ${request.url}`, available: Object.keys(handlers) }];
      response.writeHead(answer[0], { "Content-Type": "application/json" });
      response.end(JSON.stringify(answer[1]));
    });
  })
  .listen(Number(process.env.THE0_QUERY_PORT || 9476), "0.0.0.0");
