"""Node bots under their launcher: which function is called, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.launcher.view import make_view
from gitops.runtimes import find_node
from schemas.reports import Outcome
from tests.unit.controller.launcher.station import Station, ended

Stations = Callable[[str], Station]

NOTE = "const note = (name) => (id, config) => console.log('called', name, id, JSON.stringify(config));\n"


def node_order(place: Station, entrypoint: str, text: str, **changes: object) -> dict[str, object]:
    """Return the order of a Node bot whose entrypoint holds this text."""
    (place.code / entrypoint).write_text(text)
    node = {"runtime": "nodejs20", "interpreter": str(find_node().path), "entrypoint": entrypoint}
    return place.order(changes={**node, **changes})


def installed(folder: Path) -> dict[str, str]:
    """Make a layer with one package, and return the order's entry for it."""
    package = folder / "layer" / "node_modules" / "tiny"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "tiny", "version": "1.0.0"}')
    (package / "index.js").write_text("exports.answer = 42;\n")
    return {"digest": "l", "url": "", "path": str(folder / "layer")}


@pytest.mark.parametrize(
    ("file", "text", "called"),
    [
        ("bot.mjs", "export const main = note('main'); export default note('default');", "main"),
        ("bot.mjs", "export default note('default');", "default"),
        ("bot.mjs", "export default { main: note('main') };", "main"),
        ("bot.js", "exports.main = note('main'); exports.default = note('default');", "main"),
        ("bot.js", "module.exports = { ['ma' + 'in']: note('main') };", "main"),
        ("bot.js", "exports.default = note('default');", "default"),
        ("bot.js", "module.exports = note('itself');", "itself"),
    ],
)
async def test_main_then_default_then_the_module_is_called(
    station: Stations, file: str, text: str, called: str
) -> None:
    """The first of them that is a function gets the id and the configuration, in both kinds of module."""
    place = station("")
    launcher = place.start(node_order(place, file, NOTE + text))
    assert await place.line("stdout", "called ") == f'{called} alpha {{"a":1}}'
    launcher.terminate()
    await ended(launcher)


async def test_a_file_without_a_function_is_a_script(station: Stations) -> None:
    """It runs by being imported, in the program's folder and without arguments."""
    place = station("")
    text = (
        "console.log('script', JSON.stringify([process.argv.slice(2), process.cwd(), process.env.BOT_ID]));"
    )
    launcher = place.start(node_order(place, "bot.mjs", text))
    assert json.loads(await place.line("stdout", "script ")) == [[], str(place.code), "alpha"]
    launcher.terminate()
    await ended(launcher)


@pytest.mark.parametrize(
    ("file", "head"),
    [
        ("bot.mjs", "import tiny from 'tiny'; import { twice } from './lib/twice.mjs';"),
        ("bot.cjs", "const tiny = require('tiny'); const twice = require('./lib/twice.cjs').twice;"),
    ],
)
async def test_the_layer_is_found_by_import_and_require(
    station: Stations, tmp_path: Path, file: str, head: str
) -> None:
    """Packages of the layer and the program's own files are found, from its folders as well."""
    place = station("")
    (place.code / "lib").mkdir()
    (place.code / "lib/twice.mjs").write_text(
        "import tiny from 'tiny'; export const twice = 2 * tiny.answer;"
    )
    (place.code / "lib/twice.cjs").write_text("exports.twice = 2 * require('tiny').answer;")
    order = node_order(
        place, file, f"{head}\nconsole.log('sum', tiny.answer + twice);", dependencies=installed(tmp_path)
    )
    launcher = place.start(order)
    assert await place.line("stdout", "sum ") == "126"
    assert not (place.code / "node_modules").exists()
    launcher.terminate()
    await ended(launcher)


async def test_sigterm_reaches_node(station: Stations) -> None:
    """A bot that listens puts its things in order; it is stopped, not crashed."""
    text = """
    export async function main() {
      const timer = setInterval(() => {}, 1000);
      process.on("SIGTERM", () => { console.log("goodbye"); clearInterval(timer); });
      console.log("ready", process.pid);
    }
    """
    place = station("")
    launcher = place.start(node_order(place, "bot.mjs", text))
    await place.line("stdout", "ready ")
    launcher.terminate()
    assert await ended(launcher) == 0
    assert place.lines("stdout")[-1] == "goodbye"
    assert place.reports("exited")[0].outcome is Outcome.STOPPED


@pytest.mark.parametrize(
    "text",
    [
        "export async function main() { throw new TypeError('a wrong turn'); }",
        "exports.main = () => { setTimeout(() => { throw new TypeError('a wrong turn'); }, 1); };",
        "exports.main = () => { Promise.reject(Object.assign(new TypeError('a wrong turn'), {code: 1})); };",
    ],
)
async def test_an_uncaught_error_is_a_crash_with_its_message(station: Stations, text: str) -> None:
    """Thrown at once, later, or by a promise that nobody awaits: the message is the reason."""
    place = station("")
    file = "bot.mjs" if text.startswith("export ") else "bot.cjs"
    launcher = place.start(node_order(place, file, text))
    (exited, *_) = await place.report("exited")
    assert (exited.outcome, exited.exit_code) == (Outcome.CRASHED, 1)
    assert exited.message == "TypeError: a wrong turn"
    launcher.terminate()
    await ended(launcher)


async def test_a_node_bot_without_node_is_reported(station: Stations) -> None:
    """Without an interpreter the launch fails and names the runtime."""
    place = station("")
    launcher = place.start(node_order(place, "bot.mjs", "", interpreter=""))
    (failed, *_) = await place.report("failed")
    assert "nodejs20" in failed.message
    launcher.terminate()
    await ended(launcher)


def test_a_programs_own_modules_give_way_to_the_layer(tmp_path: Path) -> None:
    """What was installed from the lock counts; an unfinished view of an earlier life is made anew."""
    for path in (
        "code/node_modules/old",
        "code/lib/node_modules/kept",
        "layer/node_modules/tiny",
        "v.part/x",
    ):
        (tmp_path / path).mkdir(parents=True)
    make_view(tmp_path / "code", tmp_path / "layer", tmp_path / "v")
    assert [path.name for path in (tmp_path / "v/node_modules").iterdir()] == ["tiny"]
    assert (tmp_path / "v/lib/node_modules/kept").is_dir()
    assert not (tmp_path / "v.part").exists()
