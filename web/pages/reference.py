"""The API's reference as one page, made from the OpenAPI document: no script, nothing from outside."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from web.pages import page

_METHODS = ("get", "post", "put", "patch", "delete")


def reference_page(document: Mapping[str, Any]) -> bytes:
    """Return the page for an OpenAPI document (as plain JSON values)."""
    info = document["info"]
    return page(
        f"{info['title']} API",
        f"<h1>{escape(info['title'])} API <span class=quiet>{escape(info['version'])}</span></h1>\n"
        f"<p>{escape(info.get('description', ''))}</p>\n"
        '<p>For programs: <a href="/api/openapi.json">openapi.json</a>.</p>\n'
        + "\n".join(_operations(document["paths"]))
        + "\n<h2>Documents</h2>\n"
        + "\n".join(_schemas(document.get("components", {}).get("schemas", {}))),
    )


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    heading = ""
    entries = [
        (str((operation.get("tags") or ["other"])[0]), path, method, operation)
        for path, item in paths.items()
        for method, operation in item.items()
        if method in _METHODS
    ]
    for tag, path, method, operation in sorted(entries, key=lambda entry: entry[:3]):
        if tag != heading:
            heading = tag
            yield f"<h2>{escape(tag.capitalize())}</h2>"
        yield f"<h3><span class=method>{method.upper()}</span> {escape(path)}</h3>"
        yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}</p>"
        yield _parameters(operation.get("parameters") or [])
        yield _answers(operation)


def _parameters(parameters: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{_type(one.get('schema', {}))}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    return (
        f"<table><tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>{rows}</table>" if rows else ""
    )


def _answers(operation: Mapping[str, Any]) -> str:
    body = (operation.get("requestBody") or {}).get("content", {}).values()
    parts = [f"body: {_type(content.get('schema', {}))}" for content in body]
    parts += [
        f"{escape(str(status))}: {_type(content.get('schema', {}))}"
        for status, answer in operation.get("responses", {}).items()
        for content in (answer.get("content") or {}).values()
        if str(status).startswith("2")
    ]
    return f'<p class="quiet">{" · ".join(parts)}</p>' if parts else ""


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        rows = "".join(
            f"<tr><td><code>{escape(field)}</code></td><td>{_type(value)}</td></tr>"
            for field, value in schema.get("properties", {}).items()
        )
        yield f"<table><tr><th>Field</th><th>Type</th></tr>{rows}</table>"


def _type(schema: Mapping[str, Any]) -> str:
    """Say a schema's type in a few words, with a link where it has a name."""
    if reference := schema.get("$ref"):
        name = escape(str(reference).rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_type(choice) for choice in choices)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return escape(" or ".join(kind) if isinstance(kind, list) else str(kind))
