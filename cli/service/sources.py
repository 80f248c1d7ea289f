"""Where the fleet comes from: our own git remote, one source elsewhere, a folder, or several sources."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cli.service.options import UpOptions
from cli.service.statuses import forge_for
from controller.controller import Controller
from controller.ports import DesiredStates, RevisionSource
from gitops.candidates import Candidates, Place
from gitops.folder_source import FolderSource, is_work_folder
from gitops.forges.clients import Forge
from gitops.forges.github_app import AppKeys, GitHubApp
from gitops.forges.place import ForgePlace, place_of
from gitops.git_source import GitSource
from gitops.hosted import HostedRepository
from gitops.references import DEFAULT_BRANCH, make_reference
from gitops.revision import Revision
from gitops.secrets.values import FleetSecrets
from gitops.source_code import CodePlace, SourceCodes
from gitops.source_set import Member, SourceSet
from gitops.sources import HostedSource
from gitops.ssh import SshKeys
from gitops.states import FleetStates
from gitops.transport import Credentials, Transport
from gitops.trust.source import TrustedSource
from gitops.trust.trust import Trust
from schemas.errors import InvalidManifests, ManifestError, UsageError
from schemas.source_list import DeclaredApp, DeclaredSource, parse_sources
from web.plans import Plans
from web.webhooks import Hook, check_secret_file

ONE = "fleet"
"""What the one source is called where a name is needed: in the address of its webhook."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where revisions come from, and how their desired states are built."""

    source: RevisionSource
    states: DesiredStates
    hosted: HostedRepository | None = None
    """Our own repository, None where the fleet lies elsewhere."""
    hosted_states: FleetStates | None = None
    webhooks: Mapping[str, Hook] = field(default_factory=dict)
    """The webhooks that there are, by source."""
    follows: tuple[str, ...] = ()
    """A line for people about each source elsewhere."""
    repositories: tuple[Path, ...] = ()
    """Our own repositories, which grow and are packed now and then."""
    places: tuple[Place, ...] = ()
    """Each source, for plans of what it does not deploy."""
    together: SourceSet | None = None
    """All sources, where there are several."""
    forges: Mapping[str, Forge] = field(default_factory=dict)
    """Where commit statuses are written, by source."""
    declared: Mapping[str, DeclaredSource] = field(default_factory=dict)
    """The sources elsewhere, by the names of their places."""
    trust: Trust | None = None
    """Judges every revision, where there is a trust policy."""


def open_origin(
    options: UpOptions, controller: Callable[[], Controller], secrets: FleetSecrets | None = None
) -> Origin:
    """Open the sources that were asked for; `controller` is called once it lives. Raises UsageError."""
    if options.sources:
        return _several(options, read_sources(options.sources), controller, secrets)
    if options.source:
        return _one(options, controller, secrets)
    hosted = HostedRepository(options.data / "git" / "fleet.git", options.branch or "main")
    hosted.create()
    inside = HostedSource(hosted.path, hosted.branch, options.subfolder, options.poll_interval)
    states = FleetStates(
        inside,
        ran=lambda: controller().programs_ran(),
        applied=lambda: controller().versions_applied(),
        secrets=secrets,
        environments=options.environment,
    )
    trust = open_trust(options)
    source = guarded(inside, states, trust, controller)
    places = (Place("", source, states),)
    return Origin(source, states, hosted, states, repositories=(hosted.path,), places=places, trust=trust)


def make_plans(origin: Origin, controller: Controller, options: UpOptions) -> Plans:
    """Return what makes plans of any revision of these sources."""
    candidates = Candidates(origin.places, options.data / "cache" / "plans")
    return Plans(controller, candidates, origin.source.repository, origin.together, origin.trust)


def make_codes(origin: Origin) -> SourceCodes:
    """Return what reads source lines of the fleet's programs, with where each source is read by people."""
    return SourceCodes(
        {
            place.name: CodePlace(
                place.source.repository, place.source.subfolder, _page(origin.declared.get(place.name))
            )
            for place in origin.places
        }
    )


def _page(declared: DeclaredSource | None) -> ForgePlace | None:
    """Return where people read a source, None for one that is on no forge we know."""
    if declared is None or is_work_folder(declared.url):
        return None
    try:
        return place_of(declared.url, declared.forge)
    except UsageError:
        return None


def read_sources(file: Path) -> tuple[DeclaredSource, ...]:
    """Return the sources that a file declares. Raises InvalidManifests, UsageError."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"--sources {file} cannot be read: {error.strerror}") from error
    declared, errors = parse_sources(str(file), content, file.absolute().parent)
    if errors:
        raise InvalidManifests(tuple(errors))
    return declared


def _one(options: UpOptions, controller: Callable[[], Controller], secrets: FleetSecrets | None) -> Origin:
    declared = DeclaredSource(
        name=ONE,
        url=options.source,
        branch=options.branch,
        tag=options.tag,
        semver=options.semver,
        commit=options.commit,
        accept_moved_tags=options.accept_moved_tags,
        subfolder=options.subfolder,
        known_hosts=options.source_known_hosts,
        key_file=options.source_key_file,
        token_file=options.source_token_file,
        ca_file=options.source_ca_file,
        webhook_secret_file=options.webhook_secret_file,
        forge=options.forge,
        status_token_file=options.status_token_file,
        github_app=_declared_app(options),
    )
    app = make_app(declared)
    source = make_source(declared, options, app)
    states = FleetStates(
        source,
        ran=lambda: controller().programs_ran(),
        applied=lambda: controller().versions_applied(),
        development=isinstance(source, FolderSource),
        secrets=secrets,
        environments=options.environment,
    )
    trust = open_trust(options)
    trusted = guarded(source, states, trust, controller)
    return Origin(
        trusted,
        states,
        webhooks=_webhooks((declared,), (source,)),
        follows=(_line(source),),
        repositories=(source.repository,),
        places=(Place("", trusted, states),),
        forges=_forges({"": declared}, {"": app}),
        declared={"": declared},
        trust=trust,
    )


def _several(
    options: UpOptions,
    declared: tuple[DeclaredSource, ...],
    controller: Callable[[], Controller],
    secrets: FleetSecrets | None,
) -> Origin:
    trust = open_trust(options)
    apps = {one.name: make_app(one) for one in declared}
    mirrors = [make_source(one, options, apps[one.name]) for one in declared]
    places = [
        _place(options, one, mirror, controller, trust, secrets)
        for one, mirror in zip(declared, mirrors, strict=True)
    ]
    members = [Member(place.name, place.source, place.states) for place in places]
    everything = SourceSet(
        members,
        options.data / "git" / "sources.git",
        current=lambda: controller().desired(),
        owners=lambda: controller().owners(),
        clock=time.time,
    )
    everything.prepare()
    follows = tuple(f"{one.name}: {_line(mirror)}" for one, mirror in zip(declared, mirrors, strict=True))
    return Origin(
        everything,
        everything,
        webhooks=_webhooks(declared, mirrors),
        follows=follows,
        repositories=tuple(source.repository for source in mirrors),
        places=tuple(places),
        together=everything,
        forges=_forges({one.name: one for one in declared}, apps),
        declared={one.name: one for one in declared},
        trust=trust,
    )


def _place(
    options: UpOptions,
    one: DeclaredSource,
    source: GitSource | FolderSource,
    controller: Callable[[], Controller],
    trust: Trust | None,
    secrets: FleetSecrets | None,
) -> "Place":
    states = FleetStates(
        source,
        ran=lambda: controller().programs_ran(one.name),
        applied=lambda: controller().versions_applied(one.name),
        development=isinstance(source, FolderSource),
        secrets=secrets,
        environments=options.environment,
    )
    return Place(one.name, guarded(source, states, trust, controller, one.name), states)


def open_trust(options: UpOptions) -> Trust | None:
    """Return what judges revisions, None without a policy. Raises UsageError, InvalidManifests."""
    if options.trust_policy is None:
        return None
    trust = Trust(options.trust_policy, options.data / "trust")
    trust.check()
    return trust


def guarded(
    source: HostedSource | GitSource | FolderSource,
    states: FleetStates,
    trust: Trust | None,
    controller: Callable[[], Controller],
    name: str = "",
) -> HostedSource | GitSource | FolderSource | TrustedSource:
    """Return a source of which only trusted revisions are deployed, where there is a policy."""
    if trust is None:
        return source

    async def refused(revision: Revision, errors: tuple[ManifestError, ...]) -> None:
        await controller().record_refusal(replace(revision, origin=name), errors, trigger="poll")

    return TrustedSource(source, trust, states.build, refused, name)


def _declared_app(options: UpOptions) -> DeclaredApp | None:
    if not options.github_app or options.github_app_key_file is None:
        return None
    return DeclaredApp(options.github_app, options.github_app_installation, options.github_app_key_file)


def make_app(declared: DeclaredSource) -> GitHubApp | None:
    """Return the GitHub App that a source is read as, None for none. Raises UsageError."""
    if declared.github_app is None:
        return None
    keys = AppKeys(declared.github_app.id, declared.github_app.installation, declared.github_app.key_file)
    keys.check()
    return GitHubApp(keys, place_of(declared.url, declared.forge or "github").api)


def _forges(declared: Mapping[str, DeclaredSource], apps: Mapping[str, GitHubApp | None]) -> dict[str, Forge]:
    found = {name: forge_for(one, apps[name]) for name, one in declared.items()}
    return {name: forge for name, forge in found.items() if forge is not None}


def make_source(
    declared: DeclaredSource, options: UpOptions, app: GitHubApp | None = None
) -> GitSource | FolderSource:
    """Return one source elsewhere, mirrored in the data folder. Raises UsageError."""
    mirror = options.data / "git" / "mirrors" / f"{declared.name}.git"
    interval = declared.poll_interval or options.poll_interval
    reference = make_reference(
        branch=declared.branch, tag=declared.tag, semver=declared.semver, commit=declared.commit
    )
    if reference == DEFAULT_BRANCH and is_work_folder(declared.url):
        folder = Path(declared.url).resolve()
        if options.data.resolve().is_relative_to(folder):
            raise UsageError(
                f"the data folder {options.data} lies in the source {folder}, which is watched: every change "
                "herdsman makes would be one of the fleet; choose another --data"
            )
        return FolderSource(folder, declared.subfolder, mirror=mirror, interval=interval)
    transport = Transport(
        declared.url,
        Credentials(user="x-access-token", app=app)
        if app is not None
        else Credentials(token_file=declared.token_file),
        declared.ca_file,
        SshKeys(declared.known_hosts, declared.key_file),
    )
    return GitSource(
        transport,
        reference,
        declared.subfolder,
        mirror=mirror,
        interval=interval,
        moved_tags=declared.accept_moved_tags,
    )


def _webhooks(declared: Sequence[DeclaredSource], sources: Sequence[object]) -> dict[str, Hook]:
    """Return the webhooks of the sources that have a secret. Raises UsageError for one that is no secret."""
    hooks = {}
    for one, source in zip(declared, sources, strict=True):
        if one.webhook_secret_file and isinstance(source, GitSource | FolderSource):
            check_secret_file(one.webhook_secret_file)
            hooks[one.name] = Hook(one.webhook_secret_file, source.concerns)
    return hooks


def _line(source: object) -> str:
    if isinstance(source, FolderSource):
        return f"{source.url}, its files as they are (development: versions may change content)"
    assert isinstance(source, GitSource)
    return f"{source.url}, {source.follows}"
