// Runs a Node bot inside its own process: imports the entrypoint and calls its `main`, its `default`, or the
// module itself, with (id, config). A file that exports no function has run as a script by being imported.
// Nothing of the bot's surroundings is touched: not its signals, not its handlers, not its console.

import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const file = path.resolve(process.env.SCRIPT_PATH);
process.argv = [process.argv[0], file];
const asked = process.env.ENTRYPOINT_TYPE === "query";
if (asked && process.env.THE0_QUERY_PORT) {
  await listenOnLoopback(Number(process.env.THE0_QUERY_PORT));
}
const names = await import(pathToFileURL(file).href);
const bot = asked ? undefined : find(names);
if (bot) {
  await bot(process.env.BOT_ID, JSON.parse(process.env.BOT_CONFIG));
}

// What CommonJS exports is all in `default`, and there possibly once more, where a compiler made it.
function find(names) {
  const whole = names.default;
  const found = [names.main, whole?.main, whole?.default?.main, whole?.default, whole];
  return found.find((value) => typeof value === "function");
}

// A query server is for the platform alone: on its port it listens on the loopback, whatever it asks for.
async function listenOnLoopback(port) {
  const { Server } = await import("node:net");
  const listen = Server.prototype.listen;
  Server.prototype.listen = function (first, ...rest) {
    if (first !== null && typeof first === "object" && Number(first.port) === port) {
      return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
    }
    if (Number(first) === port) {
      return listen.call(this, port, "127.0.0.1", ...rest.filter((one) => typeof one !== "string"));
    }
    return listen.call(this, first, ...rest);
  };
}
