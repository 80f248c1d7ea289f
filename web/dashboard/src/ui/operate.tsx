/** A button that asks the service to do something, with who may and why; refused, it says what to do. */

import { useRef, useState } from "preact/hooks";
import { asProblem, post } from "../api/http";
import { viewer, whyNot } from "../state/viewer";

interface OperateProps {
  text: string;
  /** What will happen, in a sentence: read before it is confirmed. */
  effect: string;
  path: string;
  /** The request's body; the reason is what was typed, "" where none is asked for. */
  body: (reason: string) => unknown;
  /** Ask why: it is kept with who did it. */
  asksReason?: boolean;
  /** The scope that it takes, where that is not operate. */
  scope?: string;
  testId?: string;
}

export function Operate({ text, effect, path, body, asksReason = false, scope, testId }: OperateProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const why = whyNot(viewer.value, scope);
  const close = () => dialog.current?.close();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const reason = new FormData(event.currentTarget as HTMLFormElement).get("reason");
    setBusy(true);
    try {
      await post(path, body(String(reason ?? "").trim()));
      setProblem("");
      close();
    } catch (error) {
      const known = asProblem(error);
      setProblem(`${known.detail || known.title}${known.next === "" ? "" : `. ${known.next}`}`);
    }
    setBusy(false);
  };
  return (
    <>
      <button
        type="button"
        disabled={why !== ""}
        title={why === "" ? effect : why}
        onClick={() => {
          setProblem("");
          dialog.current?.showModal();
        }}
        data-testid={testId}
      >
        {text}
      </button>
      <dialog ref={dialog} class="help" aria-label={text}>
        <form onSubmit={(event) => void submit(event)}>
          <h1>{text}</h1>
          <p>{effect}</p>
          {asksReason ? (
            <label class="stacked">
              Why, for those who wonder later
              <input name="reason" autocomplete="off" maxLength={500} />
            </label>
          ) : null}
          {problem === "" ? null : (
            <p class="problem-line" role="alert">
              {problem}
            </p>
          )}
          <p class="buttons">
            <button type="submit" class="primary" disabled={busy}>
              {text}
            </button>
            <button type="button" onClick={close}>
              Cancel
            </button>
          </p>
        </form>
      </dialog>
    </>
  );
}

/** Says once, beside buttons that cannot be used, why they cannot. */
export function WhyNot() {
  const why = whyNot(viewer.value);
  return why === "" ? null : (
    <span class="muted" data-testid="why-not">
      {why}
    </span>
  );
}
