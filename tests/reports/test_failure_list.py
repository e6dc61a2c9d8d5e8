"""What is known to go wrong in published reports and boards, with the tests that hold it off: the whole list.

A mode without a test, and a test that is gone or renamed, fail here. The tests themselves stand with what they test;
those of tests/browser ask the page in Chromium.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE, BOARD, MODES_FILE = "reports/test_page.py", "reports/test_board_page.py", "reports/test_failure_modes.py"
RANKS, WHO = "reports/board/test_board_ranks.py", "reports/board/test_board_who.py"
HOSTILE, BROKEN = "reports/test_hostile_reports.py", "reports/test_broken_runs.py"
HERE = "reports/test_failure_list.py"
DRAWN, EVERYWHERE = "reports/figures/test_figure_geometry.py", "browser/test_pages_everywhere.py"

MODES: dict[str, dict[str, str]] = {
    "names cut or drawn over each other": {
        MODES_FILE: "test_names_are_never_cut", BOARD: "test_every_name_is_there_whole",
        "reports/board/test_board_site.py": "test_no_name_is_cut",
        DRAWN: "test_no_text_is_over_another_or_beyond_the_edge",
        EVERYWHERE: "test_nothing_is_cut_or_overlaps_at_any_width",
        HOSTILE: "test_the_text_is_whole_wherever_it_is_told",
    },
    "a legend of more colours than eyes can tell": {
        MODES_FILE: "test_more_systems_than_colours_are_told_apart_where_they_stand",
        DRAWN: "test_thirty_nine_systems_are_told_apart_without_colour",
    },
    "a rank without its interval": {
        MODES_FILE: "test_no_rank_and_no_overall_score", RANKS: "test_ranks_come_with_intervals_and_shares",
        BOARD: "test_the_table_holds_ranks_intervals_reasons",
        "reports/test_effects.py": "test_rankings_show_the_interval_of_a_rank_and_never_a_bare_one",
    },
    "a number that changes when another model is added": {
        MODES_FILE: "test_a_new_system_changes_nothing_between_two_others",
        RANKS: "test_adding_a_system_moves_nobodys_number",
    },
    "a mean over metrics of other directions and scales": {
        MODES_FILE: "test_no_rank_and_no_overall_score", RANKS: "test_anchors_that_cannot_be",
        BOARD: "test_a_board_ordered_by_a_mean_states_its_anchors",
    },
    "scores stretched between the best and the worst of the pool": {RANKS: "test_anchors_are_fixed_and_never_the_pool"},
    "a mean over cells of which some are missing": {
        MODES_FILE: "test_missing_cells_are_marks_with_a_reason_and_enter_no_mean",
        RANKS: "test_no_mean_is_taken_over_missing_cells",
        WHO: "test_a_mean_over_replicates_is_never_over_some_of_them",
        BROKEN: "test_failed_images_are_counted_and_not_averaged",
        "reports/figures/test_figure_tables.py": "test_a_missing_value_is_left_out_of_pairs_and_never_averaged_over",
    },
    "more digits than the interval supports": {MODES_FILE: "test_no_more_digits_than_the_interval_supports"},
    "an axis that is cut without a mark": {
        "reports/test_effects.py": "test_a_difference_beyond_the_axis_is_an_arrow_and_not_a_dot_at_its_edge",
        BOARD: "test_values_beyond_the_axis_are_marked_and_kept_inside",
    },
    "Fréchet distances of unequal numbers of images side by side": {
        MODES_FILE: "test_set_metrics_of_unequal_number_are_not_subtracted",
        RANKS: "test_set_metrics_are_compared_at_equal_numbers_of_images_only",
    },
    "rows scored by different versions of a metric": {
        MODES_FILE: "test_other_versions_of_a_metric_are_refused_or_stand_in_columns_of_their_own",
        WHO: "test_two_versions_never_share_a_column",
    },
    "metrics that only some of the rows have": {
        MODES_FILE: "test_missing_cells_are_marks_with_a_reason_and_enter_no_mean",
        WHO: "test_a_lacking_column_is_an_empty_cell_with_a_reason",
    },
    "red against green, or colour alone": {
        MODES_FILE: "test_no_verdict_is_told_by_colour_alone", EVERYWHERE: "test_red_never_stands_against_green",
        DRAWN: "test_neighbours_of_the_palette_differ_in_grey_or_in_shape",
    },
    "radar charts and a third dimension": {HERE: "test_no_figure_is_a_radar_or_has_depth"},
    "the one seed that suits": {
        MODES_FILE: "test_a_prompt_shows_all_its_seeds",
        "reports/test_grid.py": "test_all_images_of_a_prompt_are_shown_and_not_the_one_that_suits",
    },
    "galleries of the best images only": {
        MODES_FILE: "test_best_never_stands_without_worst_and_neither_without_the_unchosen",
    },
    "a click that takes seconds": {
        "perf/test_pages_perf.py": "test_a_click_is_answered_at_once",
        "browser/test_comparison_in_browser.py": "test_any_click_is_answered_at_once",
    },
    "a page that needs a server or a network": {
        MODES_FILE: "test_nothing_needs_a_server", BOARD: "test_nothing_is_loaded",
        PAGE: "test_the_policy_names_the_script_and_lets_through_nothing_else",
        EVERYWHERE: "test_a_complaint_and_a_request_fail_the_test",
    },
    "prompts and names that come alive": {
        PAGE: "test_hostile_text_stays_text", BOARD: "test_hostile_text_stays_text",
        HOSTILE: "test_input_makes_no_element", EVERYWHERE: "test_input_makes_no_element",
    },
    "NaN on the page": {
        MODES_FILE: "test_nan_is_never_printed", RANKS: "test_nan_is_never_printed",
        "reports/exports/test_long_scores.py": "test_nan_and_none_are_never_printed",
        BROKEN: "test_a_table_with_a_number_that_is_none",
    },
    "a drawing in black ink on a dark page": {
        MODES_FILE: "test_drawings_take_the_pages_ink", EVERYWHERE: "test_every_text_is_seen_in_the_dark",
    },
    "a page heavier than its budget": {
        MODES_FILE: "test_the_page_keeps_its_budget_and_says_so",
        BOARD: "test_beyond_the_budget_exploratory_pairs_go_first_and_it_is_said",
    },
    "other bytes for equal input": {
        MODES_FILE: "test_equal_runs_give_equal_bytes", BOARD: "test_equal_boards_give_equal_bytes",
        "reports/test_write.py": "test_equal_input_gives_equal_bytes", DRAWN: "test_equal_input_gives_equal_bytes",
    },
}  # fmt: skip


@cache
def functions(name: str) -> frozenset[str]:
    """The test functions of a file below tests/; none where there is no such file."""
    path = TESTS / name
    if not path.is_file():
        return frozenset()
    return frozenset(n.name for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef))


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_has_its_tests(mode: str) -> None:
    gone = [f"{name}::{test}" for name, test in MODES[mode].items() if test not in functions(name)]
    assert MODES[mode] and not gone


def test_no_figure_is_a_radar_or_has_depth() -> None:
    """Neither is in the catalogue, and no figure asks matplotlib for such axes."""
    room = TESTS.parent / "bench" / "reports"
    for path in sorted(room.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("projection", "polar"):
                raise AssertionError(f"{path.name}:{node.value.lineno} draws in polar coordinates or in depth")
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [getattr(node, "module", "") or "", *(a.name for a in node.names)]
                assert not any("mpl_toolkits" in n or "projections" in n for n in names), path.name
