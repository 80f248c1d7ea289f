"""Waves as values: how changes are divided, what lets the next wave begin, what halts them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rollout import Candidate, Look, Progress, Rollout, arrange, divide
from schemas.rollout import Rollout as Policies
from schemas.rollout import RolloutPolicy, WaveSize

NOW = 1_800_000_000.0
WELL, BAD, ON_ITS_WAY = (
    Look(Progress.HEALTHY),
    Look(Progress.FAILED, "ValueError: no"),
    Look(Progress.WAITING),
)


def bots(count, digest="v2", **fields):
    return [
        Candidate(f"bot-{number:03}", digest, fields.pop("program", "sma"), **fields)
        for number in range(count)
    ]


def wanted(candidates):
    return {one.bot: one.digest for one in candidates}


def begun(candidates, policies=None, before=None, now=NOW, **options):
    options.setdefault("same", False)
    rollout = arrange(before, candidates, wanted(candidates), policies or Policies(), now, **options)
    rollout.advance(now)
    return rollout


def going(rollout, candidates):
    return [one.bot for one in candidates if rollout.may_go(one.bot)]


def sizes(rollout):
    return [len(wave.members) for wave in rollout.waves]


def through(rollout, now=NOW):
    """Let every bot of the current wave become healthy."""
    for bot, _ in rollout.waves[rollout.at].members:
        rollout.note(bot, WELL, now)
    rollout.advance(now)


def test_default_is_one_then_a_tenth_then_the_rest():
    """A change of 200 bots goes to 1, then 20, then 179."""
    assert sizes(begun(bots(200))) == [1, 20, 179]


def test_few_bots_go_at_once():
    """Up to `at_once` changes are not divided, one more is."""
    assert going(begun(bots(5)), bots(5)) == [one.bot for one in bots(5)]
    assert len(going(begun(bots(6)), bots(6))) == 1


def test_next_wave_begins_once_all_of_the_last_are_healthy():
    """The second wave waits for the last bot of the first one."""
    everyone = bots(20)
    rollout = begun(everyone)
    assert going(rollout, everyone) == ["bot-000"]
    through(rollout)
    assert going(rollout, everyone) == ["bot-000", "bot-001", "bot-002"]
    rollout.note("bot-001", WELL, NOW)
    rollout.advance(NOW)
    assert len(going(rollout, everyone)) == 3
    rollout.note("bot-002", WELL, NOW)
    rollout.advance(NOW)
    assert len(going(rollout, everyone)) == 20
    assert rollout.view().text() == "wave 3 of 3: 0 of 17 healthy"


def test_bot_that_fails_halts_what_has_not_begun():
    """A canary that crashes leaves all others as they are, and its words say which one and why."""
    everyone = bots(20)
    rollout = begun(everyone)
    rollout.note("bot-000", BAD, NOW)
    assert not rollout.advance(NOW)
    assert rollout.halted == "bot-000: ValueError: no"
    assert going(rollout, everyone) == []


def test_healthy_canary_that_fails_later_halts_the_rest():
    """A bot of an earlier wave that crashes while a later one is under way stops that one as well."""
    everyone = bots(20)
    rollout = begun(everyone)
    through(rollout)
    rollout.note("bot-000", BAD, NOW)
    assert rollout.halted.startswith("bot-000")
    assert going(rollout, everyone) == ["bot-000"]


def test_bot_that_takes_too_long_halts():
    """A bot that is neither healthy nor failed in time stops the rollout; not while it is being built."""
    everyone = bots(20)
    rollout = begun(everyone)
    rollout.note("bot-000", replace(ON_ITS_WAY, patient=True), NOW + 700)
    assert not rollout.halted
    rollout.note("bot-000", replace(ON_ITS_WAY, text="no node has its runtime"), NOW + 599)
    assert not rollout.halted
    rollout.note("bot-000", replace(ON_ITS_WAY, text="no node has its runtime"), NOW + 600)
    assert rollout.halted == "bot-000: no node has its runtime"


def test_going_on_leaves_the_failed_bot_behind():
    """Once a person goes on, the rollout finishes without the bot that halted it."""
    everyone = bots(20)
    rollout = begun(everyone)
    rollout.note("bot-000", BAD, NOW)
    rollout.go_on()
    rollout.advance(NOW)
    rollout.note("bot-000", BAD, NOW)
    assert (rollout.halted, rollout.at) == ("", 1)


def test_pause_between_waves():
    """With a pause the next wave waits that long after the last bot is healthy."""
    everyone = bots(20)
    rollout = begun(everyone, Policies(RolloutPolicy(pause=60)))
    through(rollout)
    assert going(rollout, everyone) == ["bot-000"]
    assert rollout.next_look(NOW) == 60
    assert not rollout.advance(NOW + 59)
    assert rollout.advance(NOW + 60)
    assert len(going(rollout, everyone)) == 3


def test_at_most_so_many_at_once_within_a_wave():
    """`most` bounds how many bots of a wave are on their way; each that is healthy lets another one go."""
    everyone = bots(20)
    rollout = begun(everyone, Policies(RolloutPolicy(waves=(), most=3)))
    assert going(rollout, everyone) == ["bot-000", "bot-001", "bot-002"]
    rollout.note("bot-001", WELL, NOW)
    rollout.advance(NOW)
    assert [bot for bot in going(rollout, everyone) if bot != "bot-001"] == ["bot-000", "bot-002", "bot-003"]


def test_canaries_by_label_are_a_wave_of_their_own():
    """Bots with the canary's labels go first, the least important of the others after them."""
    everyone = [
        *bots(10, live=True),
        Candidate("zz-canary", "v2", "sma", {"tier": "canary", "desk": "one"}, live=True),
        Candidate("yy-dry", "v2", "sma"),
    ]
    waves = divide(everyone, Policies(RolloutPolicy(canary={"tier": "canary"})))
    assert [len(wave.members) for wave in waves] == [1, 1, 2, 8]
    assert waves[0].members == (("zz-canary", "v2"),)
    assert waves[1].members == (("yy-dry", "v2"),)


def test_each_program_has_waves_of_its_own():
    """Two programs roll out side by side, each by its own policy."""
    everyone = [*bots(10), *(replace(one, bot=f"x-{one.bot}", program="x") for one in bots(4))]
    waves = divide(everyone, Policies(programs={"x": RolloutPolicy(waves=(WaveSize(share=0.5),))}))
    assert [sorted({bot[:2] for bot, _ in wave.members}) for wave in waves] == [
        ["bo", "x-"],
        ["bo", "x-"],
        ["bo"],
    ]


def test_new_bots_come_with_the_last_wave():
    """A new bot of a program that is being rolled out waits until its version is proven."""
    everyone = [
        *bots(10),
        Candidate("fresh", "v2", "sma", new=True),
        Candidate("else", "v1", "other", new=True),
    ]
    rollout = begun(everyone)
    assert rollout.wave_of("fresh") == 2
    assert rollout.may_go("else")


def test_priority_orders_within_a_wave():
    """In a wave the important bots come first."""
    everyone = [replace(one, priority=number) for number, one in enumerate(bots(10))]
    last = divide(everyone, Policies())[-1]
    assert [bot for bot, _ in last.members][:2] == ["bot-009", "bot-008"]


def test_no_waves_lets_everything_go():
    """Asked for no waves, all go, also where a rollout is halted."""
    everyone = bots(20)
    rollout = begun(everyone)
    rollout.note("bot-000", BAD, NOW)
    freed = begun(everyone, before=rollout, same=True, at_once=True)
    assert going(freed, everyone) == [one.bot for one in everyone]
    later = begun(everyone, before=freed, same=True)
    assert going(later, everyone) == [one.bot for one in everyone]


def test_newer_revision_takes_over():
    """Bots that a newer revision wants otherwise begin anew, and the halt ends with what caused it."""
    rollout = begun(bots(20))
    rollout.note("bot-000", BAD, NOW)
    mended = begun(bots(20, "v3"), before=rollout)
    assert (mended.halted, sizes(mended)) == ("", [1, 2, 17])


def test_unrelated_revision_changes_nothing_of_a_rollout():
    """A push of something else goes at once, and the rollout under way keeps its wave."""
    everyone = bots(20)
    rollout = begun(everyone)
    through(rollout)
    after = begun([*everyone[1:], Candidate("other", "v9", "else")], before=rollout)
    assert sizes(after) == [2, 17]
    assert after.may_go("other")
    assert not after.may_go("bot-010")


def test_unrelated_revision_ends_no_halt():
    """A rollout stays halted while the bot that failed is still to become the same."""
    everyone = bots(20)
    rollout = begun(everyone)
    rollout.note("bot-000", BAD, NOW)
    after = begun([*everyone, Candidate("other", "v9", "else")], before=rollout)
    assert after.halted == rollout.halted
    assert going(after, everyone) == []
    assert after.may_go("other")


def test_rollout_goes_on_in_another_life():
    """What is kept of a rollout is all that it needs."""
    rollout = begun(bots(20), Policies(RolloutPolicy(most=1)))
    through(rollout)
    again = Rollout(rollout.record())
    again.advance(NOW)
    assert going(again, bots(20)) == going(rollout, bots(20))


policies = st.builds(
    RolloutPolicy,
    waves=st.lists(
        st.one_of(
            st.builds(WaveSize, bots=st.integers(1, 9)),
            st.builds(WaveSize, share=st.floats(0.01, 1)),
        ),
        max_size=4,
    ).map(tuple),
    at_once=st.integers(0, 8),
    most=st.integers(0, 5),
    pause=st.sampled_from([0.0, 30.0]),
)


@st.composite
def changes(draw):
    count = draw(st.integers(0, 40))
    return [
        Candidate(
            f"bot-{number:02}",
            "v2",
            draw(st.sampled_from(["sma", "grid"])),
            {"tier": "canary"} if draw(st.booleans()) else {},
            draw(st.booleans()),
            draw(st.integers(1, 100)),
            draw(st.integers(0, 5)) == 0,
        )
        for number in range(count)
    ]


@given(changes(), policies, st.randoms(use_true_random=False))
def test_every_change_is_made_in_the_end(everyone, policy, chance):
    """Where bots get healthy, in whatever order, each is let go; never more than a wave may have at once."""
    rollout, now, done = begun(everyone, Policies(policy)), NOW, set()
    for _ in range(10 * len(everyone) + 10):
        on_their_way = [bot for bot in going(rollout, everyone) if bot not in done]
        if not on_their_way:
            break
        members = [bot for bot in on_their_way if rollout.wave_of(bot) is not None]
        assert {rollout.wave_of(bot) for bot in members} <= {rollout.at}
        assert not policy.most or len(members) <= policy.most
        chosen = chance.choice(on_their_way)
        done.add(chosen)
        rollout.note(chosen, WELL, now)
        rollout.advance(now)
        now += 30.0
        rollout.advance(now)
    assert done == {one.bot for one in everyone}


@given(changes(), policies, st.data())
def test_a_failing_bot_leaves_all_that_have_not_begun(everyone, policy, data):
    """Whichever bot of a wave fails, no bot is let go after it that was not before."""
    rollout = begun(everyone, Policies(policy))
    if rollout.done:
        return
    for _ in range(data.draw(st.integers(0, len(rollout.waves) - 1))):
        rollout.advance(NOW + 30)
        through(rollout)
        rollout.advance(NOW + 30)
    if rollout.done:
        return
    before = set(going(rollout, everyone))
    failing = data.draw(st.sampled_from(list(rollout.watched())))
    rollout.note(failing, BAD, NOW)
    rollout.advance(NOW + 10_000)
    assert rollout.halted
    assert set(going(rollout, everyone)) <= before


@pytest.mark.parametrize("size", [0, 1, 7])
def test_shares_are_rounded_up(size):
    """A tenth of a few bots is one bot."""
    waves = divide(bots(size), Policies(RolloutPolicy(waves=(WaveSize(share=0.1),))))
    assert sum(len(wave.members) for wave in waves) == size
    assert [len(wave.members) for wave in waves[:1]] == ([1] if size else [])
