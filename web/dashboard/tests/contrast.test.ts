import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync("src/styles/tokens.css", "utf8");
const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");
const THEMES = { light, dark };

/** The colours that a block of the style sheet gives a name; several where a setting changes it. */
function colours(block: string, name: string): string[] {
  return [...block.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6})`, "g"))].map((match) => match[1] ?? "");
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

const TEXTS = "text muted link healthy progressing degraded down suspended unknown gain loss".split(" ");

for (const [theme, block] of Object.entries(THEMES)) {
  for (const name of TEXTS) {
    test(`--${name} can be read on every ground of the ${theme} theme`, () => {
      const found = colours(block, name);
      expect(found.length).toBeGreaterThan(0);
      for (const ground of ["ground", "raised", "hover"]) {
        const [behind = ""] = colours(block, ground);
        for (const colour of found) expect(contrast(colour, behind), ground).toBeGreaterThanOrEqual(4.5);
      }
    });
  }
}

test("changed numbers can be read while they glow", () => {
  for (const block of Object.values(THEMES)) {
    const [glow = ""] = colours(block, "glow");
    for (const name of ["text", "gain", "loss"]) {
      for (const colour of colours(block, name)) expect(contrast(colour, glow)).toBeGreaterThanOrEqual(3);
    }
  }
});
