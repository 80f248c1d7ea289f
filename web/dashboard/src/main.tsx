import { render } from "preact";
import "./styles/main.css";
import { startClock } from "./state/clock";
import { startRouter } from "./state/router";
import { applySettings } from "./state/settings";
import { App } from "./ui/app";
import { startKeys } from "./ui/keys";
import { botPage } from "./ui/lazy_pages";

applySettings(document.documentElement);
startClock();
startRouter();
startKeys();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
// Read the charts while nobody waits for them, so that opening a bot takes no round trip.
addEventListener("load", () => setTimeout(() => botPage.load().catch(() => undefined), 500));
