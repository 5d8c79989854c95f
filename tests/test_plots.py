"""The notebooks' plots show what they are given, sorted by the work, and label it directly."""

import pandas as pd
import pytest

# A sign-up whose page is back after 1.125 s: its profile is created within save().
SIGN_UP = pd.DataFrame(
    [
        ("sign-up", "request", 0, 1.125),
        ("hash password", "request", 0, 0.5),
        ("save user", "request", 0.5, 0.875),
        ("create profile", "request", 0.625, 0.75),
        ("resize picture", "worker process, Worker-1", 2, 7),
        ("fetch joke", "worker process, Worker-2", 1.5, 3),
    ],
    columns=["event", "lane", "began", "ended"],
)
# Killed at 5: the mail is cut off for good, the picture begins again in another process.
KILLED = pd.DataFrame(
    [
        ("fetch joke", 1, 2, 3),
        ("send mail", 1, 3, None),
        ("resize picture", 1, 2, None),
        ("resize picture", 2, 9, 10),
    ],
    columns=["event", "process", "start", "end"],
).assign(sign_up="1", error="", request_start=0)


@pytest.fixture
def drawn(plots):
    """A function that draws by one of the module's functions, and returns the figure's axes."""
    plots.plt.switch_backend("Agg")

    def draw(function, *arguments):
        function("The title", *arguments)
        figure = plots.plt.gcf()
        assert repr(figure) == figure.get_suptitle() == "The title"
        figure.draw_without_rendering()
        return figure.axes

    yield draw
    plots.plt.close("all")


def words(texts):
    return [text.get_text() for text in texts]


def legend_of(ax):
    return [text for legend in ax.figure.legends for text in words(legend.get_texts())]


def test_every_piece_of_work_has_the_colour_of_the_page_in_the_order_of_the_work(plots):
    assert list(plots.COLOURS)[-4:] == ["fetch joke", "send mail", "resize picture", "the rest"]
    assert plots.COLOURS["fetch joke"] == "#cc79a7"


def test_lanes_are_sorted_by_their_work_and_say_when_the_page_was_back(plots, drawn):
    """What is too short for its name is in the legend."""
    [ax] = drawn(plots.lanes, {"step4_huey": SIGN_UP})
    lanes = ["request", "worker process, Worker-2", "worker process, Worker-1"]
    assert words(ax.get_yticklabels()) == lanes
    [resize] = [bar for bar in ax.patches if bar.get_width() == 5]
    assert (resize.get_x(), round(resize.get_y() + resize.get_height() / 2)) == (2, 2)
    assert [bar.get_width() for bar in ax.patches if bar.get_height() == 0.3] == [0.125]  # inner
    assert "page back: 1.12 s" in words(ax.texts)
    assert "resize picture" in words(ax.texts)
    assert legend_of(ax) == ["hash password", "save user", "create profile"]


def test_pieces_of_work_follow_each_other_and_a_part_is_enlarged(plots, drawn):
    seconds = pd.Series({"hash password": 1.0, "resize picture": 5.0})
    whole, part = drawn(plots.enlarged, seconds, "The part", seconds.iloc[:1])
    assert [(bar.get_x(), bar.get_width()) for bar in whole.patches] == [(0, 1), (1, 5)]
    assert "6.00 s" in words(whole.texts)
    assert (len(part.patches), part.get_title()) == (1, "The part")


def test_rows_are_drawn_in_milliseconds_with_the_profile_inside_the_user(plots, drawn):
    rows = [("create profile", 0.125, 0.25), ("save user", 0, 0.375)]
    times = pd.DataFrame(rows, columns=["event", "began", "ended"]).assign(step="step2_signals")
    [ax] = drawn(plots.saved_rows, times.set_index(["step", "event"]))
    bars = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches]
    assert bars == [(0, 375, 0.6), (125, 125, 0.3)]


def test_kill_is_drawn_with_what_it_cut_off_and_what_is_lost(plots, drawn):
    settings = {"step5_outbox": {"killed_at": 5, "restarted_at": 6}}
    [ax] = drawn(plots.kills, {"step5_outbox": KILLED}, settings)
    [cut_off] = ax.lines
    assert list(cut_off.get_xdata()) == [5, 5]
    assert list(cut_off.get_ydata()) == [-0.2, 0.2]
    assert words(ax.texts) == ["the mail is lost"]


def test_every_point_is_shown_beside_median_and_95th_percentile(plots, drawn):
    [ax] = drawn(plots.points, {"step 1": pd.Series([1.0, 2.0, 9.0])})
    [points] = ax.lines
    assert list(points.get_xdata()) == [1, 2, 9]
    assert words(ax.texts) == ["median 2.00 s\np95 8.30 s"]


def test_level_is_drawn_as_labelled_steps(plots, drawn):
    counts = pd.Series([0, 8, 1, 0], index=[0.0, 1.0, 2.0, 3.0])
    [ax] = drawn(plots.levels, {"waiting": [("mails", counts, {"color": "black"})]})
    assert [line.get_drawstyle() for line in ax.lines] == ["steps-post"]
    assert [(text.get_text(), text.xy) for text in ax.texts] == [("mails", (2, 1))]


def test_losses_are_labelled_with_their_way_and_range(plots, drawn):
    rows = [("step4_huey", "SIGKILL", 1, 2)]
    losses = pd.DataFrame(rows, columns=["step", "way", "min", "max"]).set_index(["step", "way"])
    [ax] = drawn(plots.losses, losses, "mails lost")
    assert words(ax.texts) == ["SIGKILL: 1-2"]


def test_curves_show_points_medians_and_95th_percentiles(plots, drawn):
    rows = [
        {"format": kind, "megapixels": megapixels, "seconds": megapixels * factor}
        for kind, slower in [("jpeg", 1), ("png", 10)]
        for megapixels in [1, 12]
        for factor in [slower, 2 * slower, 9 * slower]
    ]
    [ax] = drawn(plots.curves, {"seconds": pd.DataFrame(rows)})
    medians, p95s, points = ax.lines[3:]
    assert list(medians.get_ydata()) == [20, 240]
    assert list(p95s.get_ydata()) == pytest.approx([83, 996])
    assert list(points.get_ydata()) == [10, 20, 90, 120, 240, 1080]
    assert words(ax.texts) == ["JPEG: 24", "PNG: 240"]


def test_ratios_are_dots_with_their_numbers_and_a_line_at_1(plots, drawn):
    table = pd.DataFrame({"median": [1.5, 20], "p95": [2, 30]}, index=["Step 4", "Step 1"])
    [ax] = drawn(plots.ratios, table, "times as long")
    one, medians, p95s = ax.lines
    assert list(one.get_xdata()) == [1, 1]
    assert {medians.get_linestyle(), p95s.get_linestyle()} == {"None"}
    assert words(ax.texts) == ["1.50 / 2.00", "20.0 / 30.0"]
    assert (ax.get_xscale(), len(ax.patches)) == ("log", 0)
    assert legend_of(ax) == ["median", "p95"]


def test_bars_begin_at_0_and_have_their_numbers(plots, drawn):
    axes = drawn(plots.bars, pd.DataFrame({"mails": [5, 20], "pictures": [1, 2]}))
    assert [ax.get_xlim()[0] for ax in axes] == [0, 0]
    assert [words(ax.texts) for ax in axes] == [["5.0", "20.0"], ["1.0", "2.0"]]
