/** Tries a rule on what is stored: what it would have told, of whom and when; nothing is changed by it. */

import "../styles/trial.css";
import { useEffect, useState } from "preact/hooks";
import { type ApiProblem, address, asProblem, getJson, post } from "../api/http";
import { decodeRules, decodeTrial, mistakesIn, type Rule, type Trial } from "../api/trials";
import { count } from "../format/numbers";
import { place, setQuery } from "../state/router";
import { TrialResult } from "./trial_result";

const EXAMPLE = `alerts:
  rules:
    deep-drawdown:
      when: {figure: drawdown, above: 10%}
      for: 1m
`;
const RANGES: [string, string][] = [
  ["2h", "2 hours"],
  ["24h", "day"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];
/** Everything that is in force, but for what is there by itself. */
const EVERY = "*";

interface Asked {
  rule: string;
  bot: string;
  span: string;
  text: string;
}

export function TryRule() {
  const [rules, know] = useState<readonly Rule[]>([]);
  const [asked, ask] = useState<Asked>({
    rule: place.value.query.get("try") ?? "",
    bot: place.value.query.get("bot") ?? "",
    span: "24h",
    text: EXAMPLE,
  });
  const [found, show] = useState<Trial | null>(null);
  const [problem, fail] = useState<ApiProblem | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    getJson("/api/v1/alerts/rules", decodeRules, abort.signal).then(know, () => {}); // they can be written
    return () => abort.abort();
  }, []);
  const change = (changes: Partial<Asked>) => ask({ ...asked, ...changes });
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    fail(null);
    show(null);
    try {
      const path = address("/api/v1/alerts/trials", { start: `-${asked.span}` });
      show(decodeTrial(await (await post(path, bodyOf(asked))).json()));
    } catch (error) {
      fail(asProblem(error));
    }
    setBusy(false);
  };
  return (
    <section class="trial" aria-label="Try a rule" data-testid="trial">
      <form onSubmit={(event) => void submit(event)}>
        <p class="muted">
          The engine that judges live is played what is stored. Nothing is changed, nobody is told, no bot is
          stopped.
        </p>
        <div class="trial-asks">
          <label class="stacked">
            Rule
            <select
              value={asked.rule}
              onChange={(event) => {
                setQuery({ try: event.currentTarget.value });
                change({ rule: event.currentTarget.value });
              }}
              data-testid="trial-rule"
            >
              <option value="">written here</option>
              <option value={EVERY}>all rules and limits in force</option>
              {known(rules, asked.rule).map((one) => (
                <option key={one.rule} value={one.rule} disabled={!one.tried}>
                  {one.rule} ({one.tried ? count(one.bots, "bot") : "its verdicts are not kept"})
                </option>
              ))}
            </select>
          </label>
          <label class="stacked">
            Bot
            <input
              value={asked.bot}
              onInput={(event) => change({ bot: event.currentTarget.value.trim() })}
              placeholder="every bot"
              autocomplete="off"
              maxLength={250}
              data-testid="trial-bot"
            />
          </label>
          <label class="stacked">
            Over the last
            <select value={asked.span} onChange={(event) => change({ span: event.currentTarget.value })}>
              {RANGES.map(([span, words]) => (
                <option key={span} value={span}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="primary" disabled={busy} data-testid="trial-run">
            {busy ? "Trying…" : "Try it"}
          </button>
        </div>
        {asked.rule !== "" ? null : (
          <label class="stacked">
            As in herdsman.yaml: rules under alerts:, limits under defaults: herdsman: risk: or risk:
            accounts:
            <textarea
              class="trial-text"
              rows={Math.min(Math.max(asked.text.split("\n").length, 6), 20)}
              spellcheck={false}
              value={asked.text}
              onInput={(event) => change({ text: event.currentTarget.value })}
              data-testid="trial-text"
            />
          </label>
        )}
      </form>
      {problem === null ? null : <Problem problem={problem} written={asked.rule === "" ? asked.text : ""} />}
      {busy ? (
        <p class="nothing-found muted" role="status">
          Playing what is stored; it takes 30 s at most.
        </p>
      ) : null}
      {found === null ? null : <TrialResult found={found} />}
    </section>
  );
}

/** The rules to choose from, with the one that the address names though nobody knows it (yet). */
function known(rules: readonly Rule[], chosen: string): readonly Rule[] {
  if (chosen === "" || chosen === EVERY || rules.some((one) => one.rule === chosen)) return rules;
  return [...rules, { rule: chosen, bots: 0, tried: true }];
}

function bodyOf({ rule, bot, text }: Asked): unknown {
  if (rule === "") return { text, bot, alone: true };
  return { rule: rule === EVERY ? "" : rule, bot };
}

/** What is wrong, each mistake with its line as it was written. */
function Problem({ problem, written }: { problem: ApiProblem; written: string }) {
  const lines = written.split("\n");
  return (
    <div class="trial-problem" role="alert" data-testid="trial-problem">
      {mistakesIn(problem.detail || problem.title).map((one) => (
        <p key={`${one.line} ${one.text}`}>
          {one.line === null ? null : <strong>line {one.line}: </strong>}
          {one.text}
          {one.line === null || !lines[one.line - 1] ? null : <code>{lines[one.line - 1]}</code>}
        </p>
      ))}
    </div>
  );
}
