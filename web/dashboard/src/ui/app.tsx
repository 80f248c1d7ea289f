/** From the address to its page. */

import { navigate, place } from "../state/router";
import { FleetPage } from "./fleet_page";
import { Help } from "./help";
import { LazyBotPage } from "./lazy_bot_page";
import { Note } from "./notes";
import { RevisionPage, RevisionsPage } from "./revisions_page";
import { SignIn } from "./sign_in";

export function App() {
  return (
    <>
      <CurrentPage />
      <Help />
    </>
  );
}

function CurrentPage() {
  const { page } = place.value;
  if (page.name === "fleet") return <FleetPage key="fleet" />;
  if (page.name === "bot") return <LazyBotPage key={`bot ${page.bot}`} name={page.bot} />;
  if (page.name === "revisions") return <RevisionsPage key="revisions" />;
  if (page.name === "revision") return <RevisionPage key={`r ${page.revision}`} id={page.revision} />;
  if (page.name === "sign-in") return <SignIn done={() => navigate("/")} />;
  return (
    <Note title="There is no page here">
      <p>
        {page.path} names nothing. <a href="/">The fleet</a> is where every bot is.
      </p>
    </Note>
  );
}
