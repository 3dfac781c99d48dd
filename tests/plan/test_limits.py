"""Limits: two profiles, and settings that override them (L2)."""

from __future__ import annotations

import attrs
import pytest

from journeys._time import Duration
from journeys.model.space import Settings
from journeys.plan.limits import DEFAULT_LIMITS, SEGMENT_LIMITS, Limits, limits_of


def test_l2_the_numbers_of_segment() -> None:
    """L2, O4, E9"""
    assert (
        Limits(
            max_live_instances=25,
            max_steps=1000,
            max_journey_steps=50,
            max_condition_journey_steps=100,
            max_name_length=73,
            max_split_branches=5,
            max_hold_branches=9,
            max_data_split_branches=9,
            max_exit_rules=10,
            max_activations=5,
            max_mappings=100,
            max_payload_bytes=32 * 1024,
            max_events_per_second=25,
            max_versions=25,
            max_remembered_events=10_000,
            min_wait="PT5M",
            max_wait="P182D",
        )
        == SEGMENT_LIMITS
    )


def test_l2_the_defaults_are_wider() -> None:
    """L2, E9, O4"""
    assert (DEFAULT_LIMITS.max_live_instances, DEFAULT_LIMITS.max_steps) == (1000, 1000)
    for field in attrs.fields(Limits):
        wide, narrow = getattr(DEFAULT_LIMITS, field.name), getattr(SEGMENT_LIMITS, field.name)
        assert wide is None or (type(wide) is int and wide >= narrow), field.name


def test_l2_every_limit_is_a_setting_of_its_own_name() -> None:
    """L2: but for the one that shares its setting with the other kind of journey."""
    limits = {field.name for field in attrs.fields(Limits)}
    settings = {field.name for field in attrs.fields(Settings) if field.name.startswith(("min_", "max_"))}
    assert limits - settings == {"max_condition_journey_steps"}
    assert settings - limits == {"max_clock_skew"}


@pytest.mark.parametrize(
    "name", [field.name for field in attrs.fields(Limits) if field.name != "max_condition_journey_steps"]
)
@pytest.mark.parametrize("profile", ["default", "segment"])
def test_l2_a_setting_overrides_its_profile(name: str, profile: str) -> None:
    """L2"""
    given = "P1D" if name.endswith("_wait") else 7
    base = {"default": DEFAULT_LIMITS, "segment": SEGMENT_LIMITS}[profile]
    made = limits_of(Settings(limits=profile, **{name: given}))
    changed = {name: Duration.of("P1D") if given == "P1D" else 7}
    if name == "max_journey_steps":
        changed["max_condition_journey_steps"] = 7
    assert made == attrs.evolve(base, **changed)


def test_l2_a_limit_of_zero_is_a_limit() -> None:
    """L2"""
    assert limits_of(Settings(max_live_instances=0)).max_live_instances == 0


def test_settings_pick_the_profile() -> None:
    """L2"""
    assert limits_of(Settings()) == DEFAULT_LIMITS
    assert limits_of(Settings(limits="segment")) == SEGMENT_LIMITS
