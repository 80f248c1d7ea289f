"""The published JSON Schemas are sound, complete and say the same as the code."""

import json
from dataclasses import fields

import pytest
from jsonschema import Draft202012Validator

from schemas.bot import Lease, RestartPolicy
from schemas.catalog import NAMES, schema, schema_text
from schemas.errors import NotFound
from schemas.instance import CONFIG, RESERVED
from schemas.parameter_shape import subschemas
from tests.unit.schemas.samples import INSTANCE, PROGRAM, SCHEDULED


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_sound_and_stands_on_its_own(name):
    """An editor can use the text as it is: a valid 2020-12 schema without references to elsewhere."""
    loaded = json.loads(schema_text(name))
    Draft202012Validator.check_schema(loaded)
    references = [part["$ref"] for _, part in subschemas(loaded) if "$ref" in part]
    assert all(reference.startswith("#/$defs/") for reference in references)
    assert all(reference.rsplit("/", 1)[1] in loaded["$defs"] for reference in references)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described(name):
    """An editor has something to say about each key of a document."""
    loaded = schema(name)
    for key, part in loaded["properties"].items():
        target = loaded["$defs"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        assert {"title", "description"} & (part.keys() | target.keys()), key


def test_unknown_schema_names_the_known_ones():
    """A misspelled name is answered with those that exist."""
    with pytest.raises(NotFound, match="program, bot, fleet"):
        schema_text("bots")


def test_reserved_keys_are_those_of_the_schema():
    """What the code keeps from the parameters is what the schema lists."""
    assert set(schema("bot")["properties"]) == RESERVED | {CONFIG}


def test_settings_of_the_block_are_those_of_the_types():
    """Lease and restart have the keys that the frozen types have."""
    block = schema("bot")["$defs"]["herdsman"]["properties"]
    assert list(block["lease"]["properties"]) == [field.name for field in fields(Lease)]
    assert list(block["restart"]["properties"]) == [field.name for field in fields(RestartPolicy)]


def test_plain_jsonschema_agrees_on_sound_documents():
    """Another validator, such as an editor's, takes what herdsman takes."""
    import yaml

    for name, text in (("program", PROGRAM), ("bot", INSTANCE), ("bot", SCHEDULED), ("fleet", "name: desk")):
        Draft202012Validator(schema(name)).validate(yaml.safe_load(text))
