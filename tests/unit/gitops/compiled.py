"""Small compiled programs for tests: in Rust and C++, without anything from elsewhere."""

from tests.unit.gitops.fleets import program_files

CARGO = '[package]\nname = "maker"\nversion = "1.0.0"\nedition = "2021"\n'
LOCK = 'version = 3\n\n[[package]]\nname = "maker"\nversion = "1.0.0"\n'
RUST = 'fn main() { println!("made of rust"); }\n'
CMAKE = """cmake_minimum_required(VERSION 3.20)
project(maker CXX)
add_executable(maker main.cpp)
"""
CPP = '#include <cstdio>\nint main() { std::puts("made of c++"); }\n'


def manifest(runtime: str, entrypoint: str, query: str = "") -> str:
    """Return the manifest of a compiled program."""
    text = str(program_files()["programs/maker/bot-config.yaml"]).replace("python3.11", runtime)
    return text.replace("bot: main.py", f"bot: {entrypoint}" + (f"\n  query: {query}" if query else ""))


def rust_files(entrypoint: str = "src/main.rs", **more: str | bytes) -> dict[str, str | bytes]:
    """Return the files of a Rust program."""
    files = {"Cargo.toml": CARGO, "Cargo.lock": LOCK, "src/main.rs": RUST}
    return {"bot-config.yaml": manifest("rust-stable", entrypoint), **files, **more}


def cpp_files(entrypoint: str = "main.cpp", **more: str | bytes) -> dict[str, str | bytes]:
    """Return the files of a C++ program."""
    files = {"CMakeLists.txt": CMAKE, "main.cpp": CPP}
    return {"bot-config.yaml": manifest("gcc13", entrypoint), **files, **more}
