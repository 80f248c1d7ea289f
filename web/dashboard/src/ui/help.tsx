/** The keys, and the few things that a reader can set. */

import { useEffect, useRef } from "preact/hooks";
import { PNL_COLOURS, type PnlColours, pnlColours, ZONES, type Zone, zone } from "../state/settings";
import { helpOpen } from "./keys";

const KEYS: [string, string][] = [
  ["/", "search"],
  ["\u2191 \u2193", "walk through the bots"],
  ["Enter", "open the bot"],
  ["g f", "go to the fleet"],
  ["g t", "go to the trading of all bots"],
  ["g r", "go to the revisions"],
  ["g l", "go to the logs of all bots"],
  ["g a", "go to the alerts"],
  ["g e", "go to the errors"],
  ["g s", "go to herdsman itself"],
  ["Esc", "leave the search, let go of the row"],
  ["?", "this list"],
];

const COLOUR_WORDS: Record<PnlColours, string> = {
  "green-red": "up green, down red",
  "blue-orange": "up blue, down orange",
  "red-green": "up red, down green",
};

const ZONE_WORDS: Record<Zone, string> = { UTC: "UTC", local: "this computer's zone" };

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = () => {
    helpOpen.value = false;
  };
  return (
    <dialog ref={dialog} class="help" onClose={close} data-testid="help" aria-labelledby="help-title">
      <h1 id="help-title">Keys</h1>
      <dl>
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split(" ").map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <h2>Profit and loss</h2>
      {PNL_COLOURS.map((pair) => (
        <label key={pair} class="choice">
          <input
            type="radio"
            name="pnl"
            checked={pnlColours.value === pair}
            onChange={() => {
              pnlColours.value = pair;
            }}
          />
          {COLOUR_WORDS[pair]}
        </label>
      ))}
      <h2>Times</h2>
      {ZONES.map((name) => (
        <label key={name} class="choice">
          <input
            type="radio"
            name="zone"
            checked={zone.value === name}
            onChange={() => {
              zone.value = name;
            }}
          />
          {ZONE_WORDS[name]}
        </label>
      ))}
      <p>
        <button type="button" onClick={close}>
          Close
        </button>
      </p>
    </dialog>
  );
}
