/** The kill switch in the bar of every page, and its release: each asks, and the switch wants its word typed. */

import { useRef, useState } from "preact/hooks";
import { asProblem, post } from "../api/http";
import { list, number, object, text } from "../api/json";
import { count } from "../format/numbers";
import { clock, zoneLabel } from "../format/times";
import { viewer, whyNot } from "../state/viewer";
import { Operate } from "./operate";

const KINDS: [kind: string, words: string][] = [
  ["all", "every bot of the fleet"],
  ["mode=live", "every live bot"],
  ["account", "the bots of an account"],
  ["label", "the bots with a label"],
  ["program", "the bots of a program"],
];
const NAMED = new Set(["account", "label", "program"]);
const WORD = "kill";

export function KillSwitch() {
  const dialog = useRef<HTMLDialogElement>(null);
  const why = whyNot(viewer.value);
  return (
    <>
      <button
        type="button"
        class="kill"
        aria-label="Kill switch"
        disabled={why !== ""}
        title={why === "" ? "End bots now, and keep them from starting" : why}
        onClick={() => dialog.current?.showModal()}
        data-testid="kill-switch"
      >
        Kill<span class="wide-only"> switch</span>
      </button>
      <dialog ref={dialog} class="help" aria-label="Kill switch">
        <Form close={() => dialog.current?.close()} />
      </dialog>
    </>
  );
}

function Form({ close }: { close: () => void }) {
  const [kind, choose] = useState("all");
  const [word, type] = useState("");
  const [problem, tell] = useState("");
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const field = (name: string) => String(new FormData(form).get(name) ?? "").trim();
    try {
      const scope = NAMED.has(kind) ? `${kind}=${field("which")}` : kind;
      await post("/api/v1/kill", { scope, reason: field("reason") });
      form.reset();
      choose("all");
      type("");
      tell("");
      close();
    } catch (error) {
      const known = asProblem(error);
      tell(known.detail || known.title);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <h1>Kill switch</h1>
      <p>
        These bots get SIGTERM at once, and SIGKILL after their own time. Nothing starts them until the switch
        is released.
      </p>
      <label class="stacked">
        Which
        <select name="kind" value={kind} onChange={(event) => choose(event.currentTarget.value)}>
          {KINDS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {NAMED.has(kind) ? (
        <label class="stacked">
          {kind === "label" ? "Label, as key or key=value" : `Name of the ${kind}`}
          <input name="which" required autocomplete="off" maxLength={250} />
        </label>
      ) : null}
      <label class="stacked">
        Why, for those who wonder later
        <input name="reason" required autocomplete="off" maxLength={500} />
      </label>
      <label class="stacked">
        Type {WORD} to confirm
        <input
          name="word"
          autocomplete="off"
          value={word}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
      {problem === "" ? null : (
        <p class="problem-line" role="alert">
          {problem}
        </p>
      )}
      <p class="buttons">
        <button type="submit" class="kill" disabled={word.trim().toLowerCase() !== WORD}>
          End them now
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </p>
    </form>
  );
}

/** Over every page while a switch is on: which bots, since when, by whom and why, and who is not dead. */
export function KillBanners({ kills }: { kills: Record<string, unknown>[] }) {
  return (
    <>
      {kills.map((kill) => (
        <KillBanner key={text(kill.scope)} kill={kill} />
      ))}
    </>
  );
}

function KillBanner({ kill }: { kill: Record<string, unknown> }) {
  const since = number(kill.since);
  const when = since === null ? "" : `, since ${clock(since)} ${zoneLabel(since)}`;
  const words = text(kill.words);
  const left = list(kill.survivors).map((one) => `${text(object(one).bot)} ${text(object(one).why)}`.trim());
  const dead = `${number(kill.dead) ?? 0} of ${number(kill.total) ?? 0} dead.`;
  const stopping = number(kill.stopping) ?? 0;
  const over =
    stopping === 0 ? "Nothing of it runs." : `All are dead, ${count(stopping, "job")} still being stopped.`;
  return (
    <p class="banner kill-banner" role="alert" data-testid="kill-banner">
      <span>
        <strong>Kill switch is on: {words}</strong>
        {`${when}, by ${text(kill.by)}: \u201c${text(kill.reason)}\u201d. `}
        {kill.complete === true ? over : dead}
        {left.length === 0 ? "" : ` Not dead: ${left.join("; ")}`}
      </span>
      <Operate
        text="Release"
        effect={`The kill switch of ${words} is turned off: these bots become what git says.`}
        path="/api/v1/release"
        body={(reason) => ({ scope: text(kill.scope), reason })}
        asksReason
        scope="admin"
        testId="release"
      />
    </p>
  );
}
