/**
 * Print the compressed script that each page needs, and fail above a limit: 60 kB for any page, half of that
 * for what every page needs before it shows anything. What a page reads at once beside itself (its charts) is
 * counted with it.
 */

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 60_000;
const FIRST = 30_000;
const BESIDE = { bot_page: "chart" };
const STATIC = new URL("../../static/", import.meta.url);
const folder = new URL("assets/", STATIC);
const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
const texts = new Map(files.map((name) => [name, readFileSync(new URL(name, folder), "utf8")]));
const sizes = new Map(files.map((name) => [name, gzipSync(texts.get(name), { level: 9 }).length]));

/** The files that a file names in an import of this form. */
const named = (name, form) => [...texts.get(name).matchAll(form)].map((found) => found[1]);
const needed = (name) => named(name, /(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g);
const opened = (name) => named(name, /import\(\s*["'`]\.\/([\w.-]+\.js)["'`]/g);

/** A file and all that it needs before it runs. */
function closure(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const other of needed(name)) closure(other, found);
  return found;
}

const weight = (names) => [...names].reduce((sum, name) => sum + sizes.get(name), 0);

const entry = /assets\/([\w.-]+\.js)/.exec(readFileSync(new URL("index.html", STATIC), "utf8"))[1];
const first = closure(entry);
let failed = weight(first) > FIRST;
console.log(`${String(weight(first)).padStart(7)}  before anything shows, limit ${FIRST}`);
const plain = (name) => name.replace(/-[\w-]{8}\.js$/, "");
const show = (size, what, limit) => {
  failed ||= size > limit;
  console.log(`${String(size).padStart(7)}  ${what}, limit ${limit}`);
};
for (const name of new Set([...first].flatMap(opened))) {
  const page = new Set([...first, ...closure(name)]);
  show(weight(page), plain(name), LIMIT);
  const beside = files.find((file) => plain(file) === BESIDE[plain(name)]);
  if (beside) show(weight(new Set([...page, ...closure(beside)])), `${plain(name)} with its charts`, LIMIT);
}
process.exit(failed ? 1 : 0);
