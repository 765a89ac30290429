"""A provider of models on this machine: OpenAI's chat completions over real HTTP, good or bad as the test says."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROMPT_TOKENS, ANSWER_TOKENS = 40, 7
TOKENS = PROMPT_TOKENS + ANSWER_TOKENS


class Provider:
    """Every model that is asked for behaves as it was told: `provider.says["good"] = {"city": "Utrecht"}`."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        """Model -> text or JSON of its answer."""
        self.refuses: dict[str, str] = {}
        """Model -> its words."""
        self.status: dict[str, tuple[int, dict[str, str]]] = {}
        """Model -> HTTP status and headers instead of an answer."""
        self.hangs: dict[str, float] = {}
        """Model -> seconds before it answers."""
        self.cut_off: set[str] = set()
        self.page: dict[str, str] = {}
        """Model -> HTML instead of a completion: what a gateway in between says."""
        self.asked: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.requests.append(request)
                provider.keys.append(self.headers.get("Authorization"))
                status, headers, kind, body = provider._answer(request)
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # whoever asked has gone

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[Provider]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], str, bytes]:
        model = request["model"]
        self.asked[model] += 1
        time.sleep(self.hangs.get(model, 0))
        if model in self.status:
            status, headers = self.status[model]
            return status, headers, "application/json", json.dumps({"error": {"message": f"said {status}"}}).encode()
        if model in self.page:
            return 200, {}, "text/html", self.page[model].encode()
        said = self.says.get(model, "")
        message: dict[str, Any] = {"role": "assistant", "content": said if isinstance(said, str) else json.dumps(said)}
        if model in self.refuses:
            message = {"role": "assistant", "content": None, "refusal": self.refuses[model]}
        completion = {
            "id": "completion-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": model,
            "choices": [
                {"index": 0, "finish_reason": "length" if model in self.cut_off else "stop", "message": message}
            ],
            "usage": {
                "prompt_tokens": PROMPT_TOKENS,
                "completion_tokens": ANSWER_TOKENS,
                "total_tokens": PROMPT_TOKENS + ANSWER_TOKENS,
            },
        }
        return 200, {}, "application/json", json.dumps(completion).encode()
