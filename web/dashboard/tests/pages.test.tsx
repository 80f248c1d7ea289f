import { fireEvent, render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import { navigate, place } from "../src/state/router";
import { pnlColours, zone } from "../src/state/settings";
import { App } from "../src/ui/app";
import { helpOpen, startKeys } from "../src/ui/keys";
import { SignIn, signIn } from "../src/ui/sign_in";
import { FakeEventSource, fleetDocument, revisionDocument, serve } from "./fakes";

async function open(path: string, revisions: unknown[], fleet = fleetDocument({ revision: null })) {
  serve({ "/api/v1/fleet": fleet, "/api/v1/revisions": revisions });
  navigate(path);
  render(<App />);
  FakeEventSource.last.open();
  await screen.findByTestId("sync-age");
}

test("revisions are listed, newest first, with what came of them", async () => {
  await open("/revisions", [
    revisionDocument("aaaaaaaaaa"),
    revisionDocument("bbbbbbbbbb", { state: "failed" }),
  ]);
  expect(screen.getByTestId("revision-row-aaaaaaa").textContent).toContain("appliedtighter stopsalice1 bot");
  expect(screen.getByTestId("revision-row-bbbbbbb").textContent).toContain("failed");
});

test("a fleet without revisions says how the first one is made", async () => {
  await open("/revisions", []);
  expect(screen.getByText("No revisions yet")).toBeTruthy();
});

test("a revision says what changed on each bot, the result and its errors", async () => {
  const errors = [
    { file: "bots/a.yaml", line: 7, message: 'unknown parameter "volatilty"', suggestion: "volatility" },
  ];
  await open("/r/aaaaaaa", [revisionDocument("aaaaaaaaaa", { errors })]);
  const text = screen.getByTestId("revision-page").textContent ?? "";
  expect(text).toContain("aaaaaaa tighter stops");
  expect(text).toContain("Agreed on Friday.");
  expect(text).toContain('bots/a.yaml:7 unknown parameter "volatilty" (did you mean "volatility"?)');
  expect(screen.getByTestId("change-sma-btc").textContent).toBe("sma-btcupdatefast 10 -> 12healthy0.7 s");
});

test("a running revision changes on the page by itself", async () => {
  await open("/r/aaaaaaa", [
    revisionDocument("aaaaaaaaaa", { state: "running", finished_at: null, changes: [] }),
  ]);
  expect(screen.getByTestId("revision-page").textContent).toContain("This revision changed no bot.");
  FakeEventSource.last.send("fleet", fleetDocument({ revision: revisionDocument("aaaaaaaaaa") }));
  await screen.findByTestId("change-sma-btc");
});

test("a revision that is not known is told", async () => {
  await open("/r/fff", []);
  expect(screen.getByText("Revision fff is not known here")).toBeTruthy();
});

test("an address that names nothing says so", () => {
  navigate("/what/is/this");
  render(<App />);
  expect(screen.getByText("There is no page here")).toBeTruthy();
});

test("a token is posted once and the page goes on", async () => {
  const posted: string[] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    posted.push(String(init.body));
    return { type: posted.length === 1 ? "basic" : "opaqueredirect", ok: false, status: 401 } as Response;
  });
  const done = vi.fn();
  render(<SignIn done={done} />);
  const form = screen.getByTestId("sign-in").querySelector("form") as HTMLFormElement;
  fireEvent.input(screen.getByTestId("token"), { target: { value: " abc " } });
  fireEvent.submit(form);
  await screen.findByText(/does not know this token/);
  expect(done).not.toHaveBeenCalled();
  fireEvent.submit(form);
  await vi.waitFor(() => expect(done).toHaveBeenCalledOnce());
  expect(posted).toEqual(["token=abc", "token=abc"]);
});

test("too many tries and a silent server are told apart", async () => {
  vi.stubGlobal("fetch", async () => ({ type: "basic", ok: false, status: 429 }));
  expect(await signIn("x")).toMatch(/^Too many/);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError()));
  expect(await signIn("x")).toBe("The server does not answer.");
});

test("the sign-in page leads to the fleet", async () => {
  vi.stubGlobal("fetch", async () => ({ type: "opaqueredirect" }));
  navigate("/sign-in");
  render(<App />);
  fireEvent.submit(screen.getByTestId("sign-in").querySelector("form") as HTMLFormElement);
  await vi.waitFor(() => expect(place.value.page.name).toBe("fleet"));
});

test("g r and g f go to pages, ? shows the keys, settings are set there", async () => {
  const stop = startKeys();
  HTMLDialogElement.prototype.showModal ??= () => {};
  await open("/r/x", []);
  for (const key of ["g", "r"]) fireEvent.keyDown(document.body, { key });
  expect(place.value.page.name).toBe("revisions");
  for (const key of ["g", "f"]) fireEvent.keyDown(document.body, { key });
  expect(place.value.page.name).toBe("fleet");
  fireEvent.keyDown(document.body, { key: "f" });
  fireEvent.keyDown(document.body, { key: "?" });
  expect(helpOpen.value).toBe(true);
  fireEvent.click(screen.getByLabelText("up blue, down orange"));
  expect(pnlColours.value).toBe("blue-orange");
  fireEvent.click(screen.getByLabelText("this computer's zone"));
  expect(zone.value).toBe("local");
  fireEvent.click(screen.getByLabelText("UTC"));
  fireEvent.click(screen.getByText("Close"));
  expect(helpOpen.value).toBe(false);
  fireEvent.keyDown(document.body, { key: "?" });
  fireEvent.keyDown(document.body, { key: "Escape" });
  expect(helpOpen.value).toBe(false);
  stop();
});
