"""Services without Airflow: a real supervisor of programs that sleep, and a server of Airflow's answers."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.install.services.airflow_env import load_secrets
from nightshift.install.services.ports import Ports
from nightshift.install.services.ready import BROKEN_USE_CASES

DAG_FILES = sorted(set((PROJECT_DIR / "dags").glob("*.py")) - {PROJECT_DIR / "dags" / BROKEN_USE_CASES})
HEALTHY = {name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")}


class Pages:
    """A server of Airflow's and MLflow's answers, which a test may change."""

    def __init__(self) -> None:
        # The paths and bodies of what was posted.
        self.posted: list[tuple[str, Any]] = []
        posted = self.posted
        self.answers: dict[str, Any] = {
            "/auth/token": {"access_token": "of-a-test"},
            "/api/v2/monitor/health": HEALTHY,
            "/api/v2/importErrors": {"import_errors": []},
            "/api/v2/dags": {"dags": [{"dag_id": file.stem, "fileloc": str(file)} for file in DAG_FILES]},
            "/execution/health": {"status": "healthy"},
            "/api/v2/pools": {
                "pools": [
                    {"name": "training"},
                    *({"name": use_case.lake_pool} for use_case in find_use_cases(get_settings()).use_cases),
                ]
            },
            "/health": "OK",
        }
        answers = self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path.partition("?")[0], 404)
                status = answer if isinstance(answer, int) else 200
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "POST":
                    posted.append((self.path, json.loads(body or "null")))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


def was_started(home: Settings, port: int) -> Ports:
    """Leave what an earlier start leaves."""
    ports = Ports(port, port, port)
    load_secrets(home)
    (home.run / "ports.json").write_text(json.dumps(asdict(ports)))
    return ports
