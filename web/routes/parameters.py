"""What many routes take: the services, a bot's name, a range of time, a page of results."""

from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, SkipValidation

from web.searching import EventSearch
from web.services import Services

Wired = NamedDependency[SkipValidation[Services]]
AnyRequest = Request[Any, Any, Any]
BotName = Annotated[str, PathParameter(description="The bot's name.")]
ProgramOrBot = Annotated[str, PathParameter(description="The name of a bot, or of a program.")]
Start = Annotated[str, QueryParameter(description='Unix seconds, RFC 3339, or ago such as "-1h".')]
End = Annotated[str, QueryParameter(description='As `start`; default "now".')]
Words = Annotated[str, QueryParameter(description="Words that the text holds.")]
Level = Annotated[str, QueryParameter(description="The least severe level: debug to critical.")]
Kinds = Annotated[str, QueryParameter(description='Kinds, separated by commas; "all" for every one.')]
Without = Annotated[str, QueryParameter(description="Kinds to leave out, separated by commas.")]
AlsoRemoved = Annotated[
    bool, QueryParameter(description="Answer also for a bot that was removed, with what is left of it.")
]
Levels = Annotated[str, QueryParameter(description="These levels alone, separated by commas.")]
OfBots = Annotated[str, QueryParameter(description="Of these bots alone, separated by commas.")]
OfPrograms = Annotated[str, QueryParameter(description="Of bots of these programs, separated by commas.")]
OfLabel = Annotated[str, QueryParameter(description="Of bots with this label: `key` or `key=value`.")]
OfSymbols = Annotated[str, QueryParameter(description="About these symbols, separated by commas.")]
OfRevisions = Annotated[str, QueryParameter(description="Of these revisions: ids, or how they begin.")]
OfRuns = Annotated[str, QueryParameter(description="Of these runs, separated by commas.")]
OfStreams = Annotated[str, QueryParameter(description="stdout, stderr or launcher, separated by commas.")]
Order = Annotated[str, QueryParameter(description='"newest" first (the default), or "oldest".')]
Searched = NamedDependency[SkipValidation[EventSearch]]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")]
Cursor = Annotated[str, QueryParameter(description="The `next_cursor` of the page before.")]
