"""The notebooks' module of the benchmarks and the cluster: records become tables."""

import pytest


def burst(*rates):
    return {"seconds": [1, 2, 3], "errors": 0, "pages_per_second": list(rates)}


def test_page_is_compared_with_a_bare_one_like_it(limits):
    seconds = {"bare": [1, 1], "bare, upload": [2, 2], "Step 4": [3, 5], "Step 4, upload": [3, 5]}
    floor = limits.floor({"seconds": seconds}).loc[["Step 4", "Step 4, upload"]]
    assert floor["÷ bare, median"].tolist() == [4, 2]
    assert floor["÷ bare, p95"].tolist() == pytest.approx([4.9, 2.45])


def test_crowd_is_compared_with_the_bare_site_and_counts_its_bursts(limits):
    part = {
        "crowds": {
            "hashing alone": {"per_second": [60, 62]},
            "bare": {"16": burst(30, 34), "64": burst(40)},
            "Step 5": {"16": burst(16, 16), "64": burst(30)},
        }
    }
    crowds = limits.crowds(part).loc["Step 5"]
    assert crowds["÷ bare"].to_dict() == {16: 0.5, 64: 0.75}
    assert crowds["bursts"].to_dict() == {16: 2, 64: 1}
    assert limits.hashes_a_second(part) == 61


def test_leases_are_counted_until_the_work_begins_again(limits):
    settings = {"interrupted_work_seconds": 2, "lease_seconds": 5}
    leases = limits.leases({"settings": settings, "killed": [7, 9.5]})
    assert leases.tolist() == [1, 1.5]


def test_million_sign_ups_a_day_are_multiplied_from_one(limits):
    record = {
        "pages": {
            "cpu": {"web-1": 0.02, "web-2": 0.02, "postgres": 0.01, "redis": 0},
            "hash": 0.03,
            "bytes": 1000,
        },
        "queues": {"Redis": {"cpu_of_a_job": {"postgres": 0.005, "redis": 0.001}}},
        "settings": {"joke_delay": 0.2, "mail_delay": 0.3},
    }
    paper = limits.paper(record, a_day=86400, peak=5)  # one a second in the mean
    assert paper.tolist() == pytest.approx([5, 0.2, 0.15, 0.1, 0.01, 2.5, 31.536])
