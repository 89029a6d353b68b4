"""Sends a receipt for each invoice.paid. Reads SECRET and PORT."""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
TOLERANCE = 5 * 60
done: set[str] = set()


def is_signed(headers, body: bytes) -> bool:
    """Standard Webhooks: HMAC-SHA256 of id, timestamp and body; any of the signatures will do."""
    identity = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{identity}.{timestamp}.".encode() + body
    own = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(f"v1,{own}", one) for one in given)


def send_receipt(event: dict) -> dict | None:
    """Returns what is not done, and why."""
    if event["id"] in done:
        return None
    if event["payload"]["amount_cents"] < 0:
        return {"event_id": event["id"], "state": "dead", "reason": "a negative amount"}
    print("receipt for", event["payload"]["invoice_id"], flush=True)
    done.add(event["id"])
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_signed(self.headers, body):
            return self.answer(401, {"error": "the signature is wrong"})
        results = [send_receipt(event) for event in json.loads(body)["events"]]
        self.answer(200, {"results": [result for result in results if result]})

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}/events", flush=True)
    server.serve_forever()
