import pytest

from gitops.references import Kind, Reference, choose, make_reference, parse_listing
from gitops.versions import parse_range, parse_version
from schemas.errors import UsageError

TAGS = ("v1.2.0", "1.2.3", "v1.10.0", "2.0.0-rc.1", "v2.0.0", "2.1.0", "0.3.1", "0.3.9", "latest", "v1.2")


def holds(text: str) -> list[str]:
    """Return the tags that lie in a range, lowest first."""
    wanted = parse_range(text)
    found = {tag: version for tag in TAGS if (version := parse_version(tag)) and wanted.holds(version)}
    return sorted(found, key=lambda tag: found[tag])


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (">=1.2 <2", ["v1.2.0", "1.2.3", "v1.10.0"]),
        (">= 1.2, < 2", ["v1.2.0", "1.2.3", "v1.10.0"]),
        ("^1.2.3", ["1.2.3", "v1.10.0"]),
        ("~1.2", ["v1.2.0", "1.2.3"]),
        ("1.x", ["v1.2.0", "1.2.3", "v1.10.0"]),
        ("^0.3.1", ["0.3.1", "0.3.9"]),
        ("v2.0.0", ["v2.0.0"]),
        (">1 <=2", ["v2.0.0", "2.1.0"]),
        ("*", ["0.3.1", "0.3.9", "v1.2.0", "1.2.3", "v1.10.0", "v2.0.0", "2.1.0"]),
        (">=2.0.0-rc.0", ["2.0.0-rc.1", "v2.0.0", "2.1.0"]),
        ("<2.0.0", ["0.3.1", "0.3.9", "v1.2.0", "1.2.3", "v1.10.0"]),
        ("0.3.1 || ~2.1", ["0.3.1", "2.1.0"]),
        ("=1.2", ["v1.2.0", "1.2.3"]),
    ],
)
def test_a_range_holds_what_it_says(text, taken):
    """Ranges hold versions in order, and pre-releases only where the range names one."""
    assert holds(text) == taken


@pytest.mark.parametrize("text", ["", "latest", ">=1.2 and <2", "1.2.3.4", "^", "||", ">=1.2 ||"])
def test_what_is_no_range_is_refused(text):
    """A range that cannot be understood is an error that shows how one is written."""
    with pytest.raises(UsageError, match="such as"):
        parse_range(text)


def test_versions_order_as_the_standard_says():
    """Pre-releases come before their release, numbers before words, and by number."""
    order = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1"
    versions = [parse_version(text) for text in order.split()]
    assert sorted(versions, key=lambda one: (one is None, one)) == versions
    assert parse_version("v1.2.3+build.5") == parse_version("1.2.3")
    assert parse_version("1.02.3") is None


LISTED = b"""ref: refs/heads/trunk\tHEAD
%(a)s\tHEAD
%(a)s\trefs/heads/trunk
%(b)s\trefs/tags/v1.9.0
%(c)s\trefs/tags/v1.9.0^{}
%(d)s\trefs/tags/v1.10.0
%(d)s\trefs/tags/1.10.0
%(e)s\trefs/tags/prod-9
%(f)s\trefs/tags/prod-10
""" % {
    letter: digit * 40
    for letter, digit in zip((b"a b c d e f").split(), (b"a b c d e f").split(), strict=True)
}


@pytest.mark.parametrize(
    ("given", "name", "commit"),
    [
        ({}, "trunk", "a"),
        ({"branch": "trunk"}, "trunk", "a"),
        ({"tag": "v1.9.0"}, "v1.9.0", "c"),
        ({"tag": "prod-*"}, "prod-10", "f"),
        ({"semver": "1.x"}, "v1.10.0", "d"),
        ({"semver": "<1.10"}, "v1.9.0", "c"),
    ],
)
def test_a_reference_names_one_commit(given, name, commit):
    """A branch, a tag, the last of many tags and the highest version each name a commit, tags followed."""
    tip = choose(make_reference(**given), parse_listing(LISTED))
    assert tip is not None
    assert (tip.name, tip.commit) == (name, commit * 40)


@pytest.mark.parametrize("given", [{"branch": "gone"}, {"tag": "v3*"}, {"semver": ">=3"}])
def test_what_is_not_there_names_nothing(given):
    """A deleted branch, and tags of which none fits, name no commit."""
    assert choose(make_reference(**given), parse_listing(LISTED)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"branch": "main", "tag": "v1"},
        {"commit": "3f9a2c1"},
        {"branch": "-x"},
        {"tag": "a b"},
        {"branch": "a..b"},
        {"semver": "newest"},
    ],
)
def test_a_reference_that_cannot_be_is_refused(given):
    """Two references at once, a short commit, and names that git would refuse are errors of use."""
    with pytest.raises(UsageError):
        make_reference(**given)


def test_a_reference_is_told_in_words():
    """Messages name what is followed."""
    assert str(Reference()) == "default branch"
    assert str(Reference(Kind.SEMVER, "1.x")) == 'tag in the range "1.x"'
