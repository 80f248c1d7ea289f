/** Going back: what a bot ran before, with what differs from now, and the end of it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Bot } from "../api/documents";
import { asProblem, getJson, post } from "../api/http";
import { list, number, object, text } from "../api/json";
import { moment } from "../format/times";
import { viewer, whyNot } from "../state/viewer";
import { Operate } from "./operate";

interface Deployment {
  id: string;
  message: string;
  appliedAt: number | null;
  healthy: boolean;
  current: boolean;
  refused: string;
  differs: string;
}

function decode(value: unknown): Deployment[] {
  return list(value).map((one) => {
    const it = object(one);
    const revision = object(it.revision);
    const fields = list(it.fields).map(object);
    return {
      id: text(revision.id),
      message: text(revision.message).split("\n", 1)[0] ?? "",
      appliedAt: number(it.applied_at),
      healthy: number(it.healthy_at) !== null,
      current: it.current === true,
      refused: text(it.refused),
      differs: fields
        .map((field) => `${text(field.name)} ${text(field.before)} \u2192 ${text(field.after)}`)
        .join(", "),
    };
  });
}

/** Going back to what the bot ran before, and the end of it. */
export function Back({ bot, path }: { bot: Bot; path: string }) {
  const [asked, ask] = useState(false);
  const why = whyNot(viewer.value);
  const body = (reason: string) => ({ reason });
  return (
    <>
      {bot.heldBy === "bot" ? (
        <Operate
          text="Unpin"
          effect={`${bot.name} becomes again what git says.`}
          path={`${path}/unpin`}
          body={body}
          asksReason
          testId="unpin"
        />
      ) : null}
      {bot.heldBy === "guard" ? (
        <Operate
          text="Try again"
          effect={`${bot.name} is stopped, and started as git says, though that did not get healthy before.`}
          path={`${path}/retry`}
          body={body}
          asksReason
          testId="retry"
        />
      ) : null}
      <button
        type="button"
        disabled={why !== ""}
        title={why || "Go back to what it ran before."}
        onClick={() => ask(true)}
        data-testid="roll-back"
      >
        Roll back
      </button>
      {asked ? <RollBack name={bot.name} close={() => ask(false)} /> : null}
    </>
  );
}

function RollBack({ name, close }: { name: string; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [known, show] = useState<Deployment[] | null>(null);
  const [problem, tell] = useState("");
  const [busy, setBusy] = useState(false);
  const path = `/api/v1/bots/${encodeURIComponent(name)}`;
  const failed = (error: unknown) => {
    const said = asProblem(error);
    tell(`${said.detail || said.title}${said.next === "" ? "" : `. ${said.next}`}`);
  };
  useEffect(() => {
    dialog.current?.showModal();
    getJson(`${path}/deployments`, decode).then(show, failed);
  }, [path]);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      await post(`${path}/rollback`, {
        to: form.get("to"),
        reason: String(form.get("reason") ?? "").trim(),
        allow_major: form.get("major") !== null,
      });
      dialog.current?.close();
    } catch (error) {
      failed(error);
    }
    setBusy(false);
  };
  const past = known?.filter((one) => !one.current) ?? [];
  const first = past.find((one) => one.healthy) ?? past[0];
  return (
    <dialog ref={dialog} class="help" aria-label="Roll back" onClose={close} data-testid="roll-back-dialog">
      <form onSubmit={(event) => void submit(event)}>
        <h1>Roll back</h1>
        <p>
          {name} goes back to what it was at a revision and stays there, whatever is pushed, until it is
          unpinned. It keeps its state.
        </p>
        {known === null && problem === "" ? <p class="muted">Reading what it ran before</p> : null}
        {known !== null && past.length === 0 ? <p class="muted">It ran nothing else yet.</p> : null}
        {past.map((one) => (
          <label key={one.id} class="choice">
            <input type="radio" name="to" value={one.id} checked={one === first} required />
            <span>
              <span class="rev">{one.id.slice(0, 7)}</span> {one.message}
              <span class="muted">
                {one.appliedAt === null ? "" : `, ${moment(one.appliedAt)}`}
                {one.healthy ? "" : one.refused === "" ? ", never healthy" : `, taken back: ${one.refused}`}
              </span>
              <br />
              <span class="code">{one.differs || "settings that restart nothing"}</span>
            </span>
          </label>
        ))}
        <label class="stacked">
          Why, for those who wonder later
          <input name="reason" autocomplete="off" maxLength={500} required />
        </label>
        <label>
          <input type="checkbox" name="major" /> Also to another major version of its program
        </label>
        {problem === "" ? null : (
          <p class="problem-line" role="alert">
            {problem}
          </p>
        )}
        <p class="buttons">
          <button type="submit" class="primary" disabled={busy || past.length === 0}>
            Roll back
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
