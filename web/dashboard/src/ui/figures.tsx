/** Key figures as a person reads them: amounts with their currency, ratios with the days they are of. */

import type { ComponentChildren } from "preact";
import type { Figures, OpenPosition } from "../api/trading";
import { MINUS, money, NOTHING, quantity, signed } from "../format/numbers";
import { longDuration, moment } from "../format/times";
import { Age, Glow } from "./live";
import { ModeWord, pnlClass } from "./money";

const LEAST_RETURNS = 30;
const LEAST_TRIPS = 20;

/** `-2.1%`: a share of one. */
export function share(value: number | null): string {
  if (value === null) return NOTHING;
  const size = Math.abs(value * 100).toFixed(1);
  return `${value < 0 && Number(size) !== 0 ? MINUS : ""}${size}%`;
}

function ratio(value: number | null): string {
  return value === null ? NOTHING : `${value < 0 ? MINUS : ""}${Math.abs(value).toFixed(2)}`;
}

/** What is missing for a figure that is not told: `12 of 30 days`. */
export function missing(have: number, need: number, noun: string): string {
  return have < need ? `${have} of ${need} ${noun}` : "";
}

export function FiguresOf({ of, title }: { of: Figures; title?: ComponentChildren }) {
  const { currency, drawdown, check } = of;
  const days = missing(of.returns, LEAST_RETURNS, "days");
  const trips = missing(of.trips, LEAST_TRIPS, "round trips");
  return (
    <section class="figures" data-testid={`figures-${of.mode}-${of.account}-${currency}`}>
      <h3>
        {title} <ModeWord mode={of.mode} />
        {of.account === "" ? "" : `, ${of.account}`}, {currency || "no currency named"}
      </h3>
      <dl class="facts">
        <Figure name="Equity">
          <Value text={of.equity === null ? NOTHING : money(of.equity)} />{" "}
          {of.changeToday === null ? null : (
            <span class={pnlClass(of.changeToday)}>{signed(of.changeToday)} today</span>
          )}
        </Figure>
        <Figure name={of.source === "bot" ? "Net P&L, as the bot says it" : "Net P&L"}>
          <Value text={amount(of.net)} class={pnlClass(of.net ?? 0)} testId="net-pnl" />
        </Figure>
        <Figure name="Realised">{amount(of.realized)}</Figure>
        <Figure name="Unrealised">{amount(of.unrealized)}</Figure>
        <Figure name="Fees">
          {of.fees === null ? NOTHING : money(of.fees)}
          {of.otherFees.map(([name, fee]) => ` + ${quantity(fee)} ${name}`)}
        </Figure>
        <Figure name="Exposure, net / gross">
          <Value text={`${money(of.exposure)} / ${money(of.gross)}`} />
        </Figure>
        <Figure name="Drawdown, now / at most">
          {drawdown === null ? (
            NOTHING
          ) : (
            <Value text={`${share(drawdown.current)} / ${share(drawdown.maximum)}`} />
          )}
        </Figure>
        <Figure name="Under water, now / at longest">{underWater(drawdown)}</Figure>
        <Figure name={`Sharpe (${of.annualization} d)`}>{days || <Value text={ratio(of.sharpe)} />}</Figure>
        <Figure name={`Sortino (${of.annualization} d)`}>{days || <Value text={ratio(of.sortino)} />}</Figure>
        <Figure name="Calmar">{days || <Value text={ratio(of.calmar)} />}</Figure>
        <Figure name={`CAGR (${of.annualization} d)`}>{days || <Value text={share(of.cagr)} />}</Figure>
        <Figure name="Round trips, won / lost / even">
          <Value text={`${of.wins} / ${of.losses} / ${of.even}`} />
        </Figure>
        <Figure name="Win rate">{trips || <Value text={share(of.winRate)} />}</Figure>
        <Figure name="Profit factor">{trips || <Value text={ratio(of.profitFactor)} />}</Figure>
        <Figure name="Expectancy">{trips || <Value text={amount(of.expectancy)} />}</Figure>
        {check === null ? null : (
          <Figure name="Equity less fills">
            <span
              title={`since ${moment(check.since)}: equity ${signed(check.equity)}, fills ${signed(check.fills)}`}
              data-testid="difference"
            >
              {signed(check.difference)}
            </span>
          </Figure>
        )}
      </dl>
    </section>
  );
}

function underWater(drawdown: Figures["drawdown"]): string {
  if (drawdown === null || drawdown.under === null) return NOTHING;
  return `${longDuration(drawdown.under)} / ${longDuration(drawdown.longest ?? 0)}`;
}

function amount(value: number | null): string {
  return value === null ? NOTHING : signed(value);
}

function Value({ text, class: name = "", testId = "" }: { text: string; class?: string; testId?: string }) {
  return <Glow text={text} class={`value ${name}`} {...(testId === "" ? {} : { testId })} />;
}

function Figure({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Open positions as a table; with `bots`, whose each is. */
export function Positions({ of, bots = false }: { of: readonly OpenPosition[]; bots?: boolean }) {
  if (of.length === 0) return <p class="muted nothing-found">No open position.</p>;
  return (
    <div class="wide-table">
      <table class="list" data-testid="positions">
        <thead>
          <tr>
            {bots ? <th>Bot</th> : null}
            <th>Position</th>
            <th class="num">Quantity</th>
            <th class="num">Entry</th>
            <th class="num">Mark</th>
            <th class="num">Value</th>
            <th class="num">Unrealised</th>
            <th>Open</th>
            <th class="fill">From</th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={`${one.bot} ${one.mode} ${one.account} ${one.symbol} ${one.openedAt} ${one.side}`}>
              {bots ? (
                <td>
                  <a href={`/bots/${encodeURIComponent(one.bot)}?tab=trading`} data-page>
                    {one.bot}
                  </a>{" "}
                  <ModeWord mode={one.mode} />
                </td>
              ) : null}
              <td>
                {one.side} {one.symbol}
              </td>
              <td class="num">{quantity(one.quantity)}</td>
              <td class="num">{one.entry === null ? NOTHING : quantity(one.entry)}</td>
              <td class="num">{one.mark === null ? NOTHING : <Glow text={quantity(one.mark)} />}</td>
              <td class="num">{one.value === null ? NOTHING : `${money(one.value)} ${one.currency}`}</td>
              <td class={`num ${pnlClass(one.unrealized ?? 0)}`}>
                {one.unrealized === null ? NOTHING : <Glow text={signed(one.unrealized)} />}
              </td>
              <td>
                <Age at={one.openedAt} />
              </td>
              <td class="fill muted">{one.source === "bot" ? "its own lines" : "its fills"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
