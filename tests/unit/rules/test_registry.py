"""The registry of rules: breaking a rule has the consequences that the registry states."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from h2._rules import registry
from h2._rules.registry import RULES, SCOPE_NAMES, Violation
from h2.events import StreamReset
from h2.exceptions import H2Error, ProtocolError
from h2.stream import StreamState
from support import wire
from support.outcome import assert_alive
from support.rules import watched_violations
from support.snapshot import snapshot
from support.wire import Type
from unit.rules.scenarios import (
    CONNECTION,
    MISUSE,
    SCENARIOS,
    STREAM,
    TOLERATED,
    Scenario,
)

COUNTED = Counter(scenario.rule for scenario in SCENARIOS)

MODES = {False: "default", True: "strict"}


def by_scope(scope: str) -> pytest.MarkDecorator:
    """The scenarios with that scope, in the modes in which they have it."""
    cases = [
        pytest.param(scenario, strict, id=f"{scenario.rule}-{number}-{mode}")
        for number, scenario in enumerate(SCENARIOS)
        for strict, mode in MODES.items()
        if scenario.scope_if(strict) == scope
    ]
    return pytest.mark.parametrize(("scenario", "strict"), cases)


def check_exception(scenario: Scenario, error: H2Error) -> None:
    assert type(error) is scenario.error
    assert error.rule == scenario.rule
    if isinstance(error, ProtocolError):
        assert error.error_code == scenario.code


@by_scope(CONNECTION)
def test_connection_error(scenario: Scenario, strict: bool) -> None:
    with wire.mode(strict):
        conn = scenario.build()
        with pytest.raises(H2Error) as caught:
            scenario.act(conn)
    check_exception(scenario, caught.value)
    frames = wire.parse(conn.data_to_send())
    if scenario.rule == "preface-invalid" and not strict:
        assert frames == []  # it may be omitted, and h2 4.4.1 omits it
    else:
        assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, scenario.code)


@by_scope(STREAM)
def test_stream_error(scenario: Scenario, strict: bool) -> None:
    with wire.mode(strict):
        conn = scenario.build()
        known = strict or scenario.stream_id in conn.streams
        opened = conn.stream_state(scenario.stream_id) != StreamState.CLOSED
        with watched_violations() as found:
            events = scenario.act(conn)
    assert [violation.rule.id for violation in found] == [scenario.rule]
    assert type(found[0].exception()) is scenario.error
    code = scenario.code_if(strict)
    reset = wire.parse(conn.data_to_send())[-1]
    assert (reset.type, reset.stream_id) == (Type.RST_STREAM, scenario.stream_id)
    assert reset.error_code == code
    told = [event for event in events if isinstance(event, StreamReset)]
    assert [(event.stream_id, event.error_code, event.remote_reset) for event in told] == (
        [(scenario.stream_id, code, False)] if known and opened else []
    )
    assert conn.stream_state(scenario.stream_id) == StreamState.CLOSED
    assert_alive(conn)


@by_scope(TOLERATED)
def test_tolerated(scenario: Scenario, strict: bool) -> None:
    with wire.mode(strict):
        conn = scenario.build()
        with watched_violations() as found:
            scenario.act(conn)
    assert found == [] or [violation.rule.id for violation in found] == [scenario.rule]
    conn.clear_outbound_data_buffer()
    assert_alive(conn)


@by_scope(MISUSE)
def test_misuse(scenario: Scenario, strict: bool) -> None:
    with wire.mode(strict):
        conn = scenario.build()
        before = snapshot(conn)
        with pytest.raises(H2Error) as caught:
            scenario.act(conn)
    check_exception(scenario, caught.value)
    assert snapshot(conn) == before


@pytest.mark.parametrize("rule_id", sorted(RULES))
def test_every_rule_is_broken_by_a_scenario(rule_id: str) -> None:
    assert COUNTED[rule_id] > 0


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.rule)
def test_the_registry_says_what_the_scenario_says(scenario: Scenario) -> None:
    rule = RULES[scenario.rule]
    assert rule.section == scenario.section
    if scenario.scope != MISUSE:
        assert SCOPE_NAMES[rule.scope] == scenario.scope
        assert SCOPE_NAMES[rule.strict_scope] == scenario.scope_if(True)
        if rule.id != "setting-invalid":  # where the code depends on the setting
            assert (rule.code, rule.strict_code) == (scenario.code, scenario.code_if(True))


def test_rules_are_listed_once_under_their_id() -> None:
    constants = [rule for rule in vars(registry).values() if isinstance(rule, registry.Rule)]
    assert sorted(rule.id for rule in constants) == sorted(RULES)
    assert all(RULES[rule.id] is rule for rule in constants)
    for name, rule in vars(registry).items():
        if isinstance(rule, registry.Rule):
            assert name == rule.id.upper().replace("-", "_")


@pytest.mark.parametrize("rule_id", sorted(RULES))
def test_form_of_id_and_section(rule_id: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule_id)
    assert re.fullmatch(r"(7540|8441|9110|9113|9218) \d+(\.\d+)*", RULES[rule_id].section)


def test_representation() -> None:
    rule = RULES["stream-half-closed"]
    assert repr(rule) == "<Rule stream-half-closed: RFC 9113 5.1, stream error, STREAM_CLOSED>"


def test_a_violation_becomes_the_exception_of_its_rule() -> None:
    error = Violation(RULES["field-block-invalid"], "what is wrong").exception()
    assert type(error) is ProtocolError
    assert (str(error), error.rule, error.error_code) == ("what is wrong", "field-block-invalid", 9)
