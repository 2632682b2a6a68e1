"""How the web process takes requests: whole ones in a thread, health by the event loop."""

import pytest


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_health_is_told_by_whatever_name_it_is_asked(served, path):
    status, _, _ = served.call("GET", path, Host="10.1.2.3:8000")

    assert status in {200, 503}


@pytest.mark.parametrize("path", ["/api/v1/goals", "/operations/", "/healthy"])
def test_everything_else_is_told_to_those_who_know_our_name(served, path):
    status, _, _ = served.call("GET", path, Host="evil.example")

    assert status == 400


def test_a_request_gives_its_connection_back_in_its_own_thread(served):
    from django.db import connections

    for _ in range(30):  # more than there are threads and connections
        assert served.call("GET", "/api/v1/goals")[0] == 200

    pool = connections["default"].pool
    assert pool is None or pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"]
