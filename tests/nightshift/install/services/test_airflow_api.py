"""The REST client: logs in when it has to, and says what Airflow said."""

from __future__ import annotations

import json

import httpx
import pytest

from nightshift.errors import NightshiftError, ServerUnreachableError
from nightshift.install.services.airflow_api import AirflowApi, AirflowRefused
from nightshift.install.services.airflow_env import AirflowAddress


def _api(answer) -> AirflowApi:
    api = AirflowApi(AirflowAddress("http://airflow", "admin", "secret"))
    api._client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(answer))
    return api


def test_it_logs_in_again_when_the_token_has_run_out():
    tokens = iter(["old", "new"])

    def answer(request):
        if request.url.path == "/auth/token":
            assert json.loads(request.content) == {"username": "admin", "password": "secret"}
            return httpx.Response(201, json={"access_token": next(tokens)})
        valid = request.headers["Authorization"] == "Bearer new"
        return httpx.Response(200, json={"state": "success"}) if valid else httpx.Response(401)

    with _api(answer) as api:
        assert api.run("dag", "run") == {"state": "success"}


def test_a_refusal_carries_airflows_words():
    def answer(request):
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        return httpx.Response(409, json={"detail": "already running"})

    with _api(answer) as api, pytest.raises(AirflowRefused, match=r"409.*already running") as refused:
        api.call("POST", "backfills", {})
    assert refused.value.status == 409


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("path", ["/auth/token", "/api/v2/backfills"])
def test_a_server_that_can_not_now_is_temporary(status, path):
    def answer(request):
        if request.url.path == path:
            return httpx.Response(status, text="upstream is starting")
        return httpx.Response(201, json={"access_token": "t"})

    with _api(answer) as api, pytest.raises(ServerUnreachableError, match=f"{status} upstream is starting"):
        api.call("POST", "backfills", {})


def test_a_server_that_is_down_is_named_with_the_remedy():
    def answer(request):
        raise httpx.ConnectError("connection refused")

    with _api(answer) as api:
        assert api.health() == {}
        with pytest.raises(NightshiftError, match=r"http://airflow does not answer .* `nightshift up`"):
            api.runs("dag")
