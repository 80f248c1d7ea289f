/** What narrows lines wherever they stand: words, searched once typing rests, and the least level. */

import { useEffect, useRef, useState } from "preact/hooks";
import { LEVELS } from "../state/logs";

/** Typing rests this long before the search is made. */
const TYPING_MS = 250;

interface WordsProps {
  /** What was searched for when the box was made; from then on it is the reader's. */
  text: string;
  placeholder: string;
  search: (text: string) => void;
  testId: string;
}

export function WordsBox({ text: first, placeholder, search, testId }: WordsProps) {
  const [text, setText] = useState(first);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => search(value), TYPING_MS);
  };
  return (
    <input
      type="search"
      placeholder={placeholder}
      aria-label="Search lines"
      data-search
      data-testid={testId}
      value={text}
      onInput={(event) => type(event.currentTarget.value)}
      spellcheck={false}
    />
  );
}

export function LevelSelect({ level, choose }: { level: string; choose: (level: string) => void }) {
  return (
    <select
      aria-label="Least level"
      data-testid="log-level"
      value={level}
      onChange={(event) => choose(event.currentTarget.value)}
    >
      <option value="">all levels</option>
      {LEVELS.slice(1).map((one) => (
        <option key={one} value={one}>
          {one === "critical" ? one : `${one} and worse`}
        </option>
      ))}
    </select>
  );
}
