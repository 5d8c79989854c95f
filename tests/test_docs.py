"""What the READMEs say is what the code does, and what the recorded run measured."""

import json
import re

import pytest

from tools.commands import COMMANDS
from tools.measure.losses import WAYS
from tools.publish import docs
from tools.publish.docs import read, readmes, regenerated
from tools.sites.catalogue import ROOT, STEPS

by_readme = pytest.mark.parametrize("path", readmes(), ids=lambda p: p.relative_to(ROOT).as_posix())
by_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@by_readme
def test_code_and_figures_are_those_of_today(path):
    text = path.read_text(encoding="utf-8")
    assert text == regenerated(text), "run: python workshop.py docs --update"


@by_readme
def test_every_fenced_block_says_what_it_shows(path):
    text = path.read_text(encoding="utf-8")
    assert len(docs.FENCED.findall(text)) * 2 == text.count("```")


@by_readme
def test_every_link_leads_to_a_file(path):
    text = docs.FENCED.sub("", path.read_text(encoding="utf-8"))
    found = re.findall(r"""\]\((.*?)\)|src(?:set)?="(.*?)\"""", text)
    links = [link for link in map("".join, found) if "://" not in link]
    missing = [link for link in links if not (path.parent / link.partition("#")[0]).exists()]
    assert missing == []
    anchors = [link[1:] for link in links if link.startswith("#")]
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    assert set(anchors) <= {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@by_readme
def test_every_command_exists(path):
    commands = re.findall(r"python workshop\.py ([\w-]+)", path.read_text(encoding="utf-8"))
    assert set(commands) <= set(COMMANDS)


def test_every_option_that_the_instructor_is_told_of_exists():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tools").rglob("*.py"))
    options = set(re.findall(r"(?<!-)--[a-z][\w-]+", read("docs/INSTRUCTOR.md")))
    assert {option for option in options if f'"{option}"' not in code} == set()


@by_step
def test_every_trap_names_the_tests_that_show_it(step):
    text = read(f"{step.name}/README.md")
    traps = re.findall(r"^- \*\*.*?(?=^- |^\n)", section(text, "Traps"), re.DOTALL | re.MULTILINE)
    assert len(traps) >= 3
    assert [trap for trap in traps if "`test_" not in trap] == []
    named = set(re.findall(r"`(test_\w+)`", text))
    assert names_of_tests(step.folder / "tests" / "test_traps.py") <= named
    elsewhere = [ROOT / "tests/test_durability.py", *(ROOT / "kit/each_step").glob("test_*.py")]
    places = [*step.folder.glob("tests/test_*.py"), *elsewhere]
    assert named <= set.union(*map(names_of_tests, places))


def section(text, title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)[1]


def names_of_tests(path):
    return set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


WORDS = [
    *["transaction", "commit", "rollback", "5xx"],  # step 1
    *["signal", "receiver", "autocommit"],
    *["SIGINT", "SIGTERM", "SIGKILL"],
    *["consumer", "task", "broker", "worker"],
    *["job", "transactional outbox", "lease", "fencing"],
]


@pytest.mark.parametrize("word", WORDS)
def test_new_word_is_explained_where_a_lesson_uses_it_first(word):
    lessons = "".join(body(read(f"{step.name}/README.md")) for step in STEPS)
    first = re.search(rf"(\*?)\b{word}s?\b(\*?)", lessons)
    assert first.groups() == ("*", "*"), lessons[first.start() - 50 : first.end() + 50]


def body(text):
    """Return what a README says below its title and the list of what one learns, code aside."""
    text = docs.FENCED.sub("", text)
    text = re.sub(r"\A# .*?\n\n(?!- |What)", "", text, flags=re.DOTALL)
    return re.sub(r"`[^`]*`|\]\(.*?\)", "", text)  # nor the addresses of links


def test_each_recorded_sign_up_was_completed():
    """That the pages took as long as the READMEs say, the notebooks claim of the same run."""
    for result in json.loads(read("notebooks/data/demo.json"))["steps"].values():
        count = len(result["page_seconds"])
        assert (result["mails_delivered"], result["thumbnails"]) == (count, count)


def test_recorded_losses_are_those_that_the_readmes_tell_of():
    record = json.loads(read("notebooks/data/losses.json"))
    everything = record["signups"]
    assert record["runs"] >= 5

    def lost(name, way):
        runs = record["lost"][name][way]
        assert len(runs) == record["runs"]
        return {(run["mails_lost"], run["thumbnails_lost"]) for run in runs}

    for way in WAYS:
        assert lost("step1_sync_signup", way) == lost("step2_signals", way)
        assert lost("step1_sync_signup", way) == {(everything, everything)}
        assert lost("step5_outbox", way) == {(0, 0)}
    assert lost("step3_threading", "Ctrl-C") == {(0, 0)}
    assert lost("step3_threading", "SIGTERM") == {(everything, everything)}
    assert lost("step3_threading", "SIGKILL") == {(everything, everything)}
    assert {sum(both) for both in lost("step4_huey", "SIGKILL")} == {record["settings"]["workers"]}


def test_command_says_which_readme_differs_and_mends_it(tmp_path, monkeypatch, capsys):
    readme, block = tmp_path / "README.md", "<!-- file code.py -->\n```python\n{}```\n"
    (tmp_path / "code.py").write_text("new = 1\n", encoding="utf-8")
    readme.write_text(block.format("old = 1\n"), encoding="utf-8")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "readmes", lambda: [readme])
    assert docs.main([]) == 1
    assert "README.md: out of date" in capsys.readouterr().out
    assert "old" in readme.read_text(encoding="utf-8")
    assert docs.main(["--update"]) == 0
    assert readme.read_text(encoding="utf-8") == block.format("new = 1\n")
    assert docs.main([]) == 0


def test_readme_says_how_the_losses_were_recorded():
    record = json.loads(read("notebooks/data/losses.json"))
    settings = record["settings"]
    width, height = settings["picture"]["size"]
    words = (
        f"Each cell shows the minimum and maximum of {record['runs']} runs. The joke took"
        f" {settings['joke_delay']} s, the mail {settings['mail_delay']} s, the resize"
        f" {settings['simulated_resize_seconds']} s, with {settings['workers']} workers, a lease of"
        f" {settings['lease_seconds']} s and pictures of {width} x {height} pixels; after the"
        f" restart the delays were removed and the lease was"
        f" {settings['lease_seconds_after_the_restart']} s."
    )
    assert words in " ".join(read("README.md").split())
