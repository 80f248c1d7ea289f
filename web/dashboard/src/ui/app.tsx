/** From the address to its page. */

import { navigate, place } from "../state/router";
import { FleetPage } from "./fleet_page";
import { LazyHelp } from "./lazy_help";
import {
  alertsPage,
  botPage,
  comparePage,
  errorPage,
  errorsPage,
  logsPage,
  revisionPage,
  revisionsPage,
  systemPage,
  tradingPage,
} from "./lazy_pages";
import { Note } from "./notes";
import { SignIn } from "./sign_in";

export function App() {
  return (
    <>
      <CurrentPage />
      <LazyHelp />
    </>
  );
}

function CurrentPage() {
  const { page, query } = place.value;
  if (page.name === "fleet") return <FleetPage key="fleet" />;
  if (page.name === "bot") return <botPage.Page key={`bot ${page.bot}`} name={page.bot} />;
  if (page.name === "revisions") {
    const bot = query.get("bot") ?? "";
    return <revisionsPage.Page key={`revisions ${bot}`} bot={bot} />;
  }
  if (page.name === "revision") return <revisionPage.Page key={`r ${page.revision}`} id={page.revision} />;
  if (page.name === "trading") return <tradingPage.Page key="trading" />;
  if (page.name === "alerts") return <alertsPage.Page key="alerts" />;
  if (page.name === "errors") {
    const [bot, all] = [query.get("bot") ?? "", query.get("all") !== null];
    return <errorsPage.Page key={`errors ${bot} ${all}`} bot={bot} all={all} />;
  }
  if (page.name === "logs") return <logsPage.Page />;
  if (page.name === "compare") return <comparePage.Page key="compare" />;
  if (page.name === "error") return <errorPage.Page key={`error ${page.error}`} id={page.error} />;
  if (page.name === "system") return <systemPage.Page key="system" />;
  if (page.name === "sign-in") return <SignIn done={() => navigate("/")} />;
  return (
    <Note title="There is no page here">
      <a href="/">The fleet</a>
    </Note>
  );
}
