/** Print the compressed size of what a browser loads, and fail above the limit of 60 kB of script. */

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 60_000;
const folder = new URL("../../static/assets/", import.meta.url);
let script = 0;
for (const name of readdirSync(folder).sort()) {
  const size = gzipSync(readFileSync(new URL(name, folder)), { level: 9 }).length;
  console.log(`${String(size).padStart(7)}  ${name}`);
  if (name.endsWith(".js")) script += size;
}
console.log(`${String(script).padStart(7)}  script in all, limit ${LIMIT}`);
process.exit(script > LIMIT ? 1 : 0);
