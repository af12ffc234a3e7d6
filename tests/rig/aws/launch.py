#!/usr/bin/env python3
"""Runs MiniStack, an AWS emulator that enforces IAM policies, on 127.0.0.1 for one test process.

    launch.py [--port N] [--journal FILE] [--dir DIR] [--keep]

When the program accepts connections, it prints one JSON line, {"endpoint": …, "port": …, "pid": …}, and nothing else.
lacks.py adds features that MiniStack lacks. The program ends when its parent process ends, unless --keep is given.

The journal has one JSON line for every AWS call, in the order in which the calls took effect:
{"n", "time", "account", "key", "principal", "service", "region", "action", "params", "status", "code", "outcome",
"rig"}. `time` is when the call arrived. `outcome` is answered, dropped, late or failed. `rig` is true for a call that
the test itself makes through drive.py.

Tests control the program over HTTP, on the port of the AWS endpoint, with JSON requests and responses:

    POST /_rig/rule     {"action", "do", "when", "nth", "times", "account", "key", "service", "region",
                         "writes", "status", "code", "seconds"} -> {"rule"}
    GET  /_rig/held?rule=N&timeout=S     waits until a call matched the rule -> {"call"} or {"call": null}
    POST /_rig/release  {"rule"}         releases the held reply, and removes the rule
    POST /_rig/lag      {"account", "seconds"}    delays the effect of IAM writes
    POST /_rig/clock    {"account", "ahead"}      sets AWS's clock ahead

A rule applies to the nth matching call (default 1) and to the `times - 1` matching calls after it. The count of calls
begins when the test adds the rule. A call matches if it has the rule's action ("*" is any action), account, key,
service and region. With `writes`, a call whose action begins with Get or List does not match. The test's own calls
match no rule. `when` says whether the rule acts before or after the call takes effect. `do` says what the rule does:

    hold   delay the call, or its reply, until the test releases the rule
    drop   close the connection without a reply
    fail   answer with the error `status` and `code` instead
    late   close the connection at once; the call takes effect `seconds` later
"""

import argparse
import asyncio
import contextvars
import email.utils
import itertools
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from urllib.parse import parse_qs, unquote

import h11

RIG_AGENT = b"breakglass-rig"
DEFAULT_ACCOUNT = "111122223333"
SCOPE = re.compile(r"Credential=([^/,]+)/\d{8}/([^/]*)/([^/]*)/aws4_request")
READS = ("Get", "List")
ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\"\s*:\s*\"([^\"]+)\"")


def main():
    options = parse_arguments()
    private = options.dir or tempfile.mkdtemp(prefix="rig-aws-")
    configure(private)
    asyncio.run(run(options, private))


def parse_arguments():
    parser = argparse.ArgumentParser(description="MiniStack for the test rig")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; default: any free port")
    parser.add_argument("--journal", help="file to which one JSON line is written for each AWS call")
    parser.add_argument("--dir", help="private directory for state, removed at the end; default: a new directory")
    parser.add_argument("--keep", action="store_true", help="do not end when the parent process ends")
    return parser.parse_args()


def configure(private):
    """Sets the environment that MiniStack reads at import, and removes variables that it must not inherit."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_")):
            del os.environ[name]
    os.environ.update(
        AUTH="true", LOG_LEVEL="CRITICAL", MINISTACK_ACCOUNT_ID=DEFAULT_ACCOUNT, PERSIST_STATE="0", S3_PERSIST="0",
        TMPDIR=private, STATE_DIR=os.path.join(private, "state"), S3_DATA_DIR=os.path.join(private, "s3"),
        DOCKER_HOST=f"unix://{private}/no-docker",
    )
    tempfile.tempdir = private


async def run(options, private):
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if not options.keep:
        watch_parent(loop, stopping)
    rig = Rig(options.journal)
    server = await asyncio.start_server(rig.connection, "127.0.0.1", options.port, backlog=128)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"endpoint": f"http://127.0.0.1:{port}", "port": port, "pid": os.getpid()}), flush=True)
    await stopping.wait()
    shutil.rmtree(private, ignore_errors=True)
    os._exit(0)  # exits at once, because replies can still be held and no state needs to be saved


def watch_parent(loop, stopping):
    """Ends this process when its parent process ends.

    PR_SET_PDEATHSIG would end this process when a *thread* of the parent ends, and each test is a thread.
    """
    parent = os.getppid()
    watched = os.pidfd_open(parent)
    if os.getppid() != parent:
        stopping.set()
    loop.add_reader(watched, stopping.set)


class Dropped(Exception):
    """Closes the connection without a reply."""


class Rig:
    def __init__(self, journal):
        from ministack import app as ministack
        from ministack.services import sns  # noqa: F401  imported now, so that the first call need not wait for it

        import lacks
        import trail

        lacks.install()
        self.trail = trail.Trail()
        ministack._MAIN_LOOP = asyncio.get_running_loop()
        self.app, self.lacks = ministack.app, lacks
        self.journal = open(journal, "a", buffering=1) if journal else None
        self.numbers, self.rules, self.tasks = itertools.count(1), {}, set()

    # HTTP ------------------------------------------------------------------

    async def connection(self, reader, writer):
        """Serves the requests of one connection until it ends."""
        http = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        try:
            while await self.exchange(http, reader, writer):
                pass
        except (Dropped, ConnectionError, h11.RemoteProtocolError, h11.LocalProtocolError):
            pass
        finally:
            writer.close()

    async def exchange(self, http, reader, writer):
        request, body = None, bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    writer.write(http.send(h11.InformationalResponse(status_code=100, headers=[])))
                http.receive_data(await reader.read(1 << 16))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        path = request.target.partition(b"?")[0]
        if path.startswith(b"/_rig/"):
            status, headers, reply = await self.steer(request, bytes(body))
        else:
            status, headers, reply = await self.call(request, bytes(body))
        response = h11.Response(status_code=status, headers=headers)
        writer.write(http.send(response))
        if reply and request.method != b"HEAD":
            writer.write(http.send(h11.Data(data=reply)))
        writer.write(http.send(h11.EndOfMessage()))
        await writer.drain()
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return False
        http.start_next_cycle()
        return True

    # AWS -------------------------------------------------------------------

    async def call(self, request, body):
        """Answers one AWS call: applies rules, asks MiniStack, writes the journal, and applies rules to the reply."""
        call = describe(request, body)
        call["account"], call["principal"] = owner(call["key"])
        met = self.met(call)
        before, after = ([r for r in met if r["when"] == when] for when in ("before", "after"))
        for rule in before:
            if rule["do"] in ("drop", "fail", "late"):
                return self.spoil(rule, call, request, body)
            await self.hold(rule, call)
        reply = await self.apply(call, request, body, "dropped" if any(r["do"] == "drop" for r in after)
                                 else "answered")
        for rule in after:
            if rule["do"] == "drop":
                self.meet(rule, call)
                raise Dropped
            if rule["do"] == "fail":
                self.meet(rule, call)
                return failure(rule, request)
            await self.hold(rule, call)
        return reply

    def spoil(self, rule, call, request, body):
        """Applies a rule that prevents or delays the call."""
        self.meet(rule, call)
        if rule["do"] == "fail":
            self.write(call, rule["status"], rule["code"], "failed")
            return failure(rule, request)
        if rule["do"] == "drop":
            self.write(call, None, None, "dropped")
        else:
            self.later(self.apply_late(rule["seconds"], call, request, body))
        raise Dropped

    async def apply_late(self, seconds, call, request, body):
        await asyncio.sleep(seconds)
        await self.apply(call, request, body, "late")

    async def apply(self, call, request, body, outcome):
        status, headers, reply = await self.ask_ministack(request, body)
        found = ERROR_CODE.search(reply) if status >= 400 else None
        code = (found.group(1) or found.group(2)).decode() if found else None
        self.write(call, status, code, outcome)
        if call["action"] == "LookupEvents" and status == 200:
            return self.look_up(call)
        return status, headers, reply

    def look_up(self, call):
        status, page = self.trail.lookup(call)
        reply = json.dumps(page).encode()
        return status, [(b"content-type", b"application/x-amz-json-1.1"),
                        (b"content-length", str(len(reply)).encode()),
                        (b"date", email.utils.formatdate(usegmt=True).encode())], reply

    async def ask_ministack(self, request, body):
        raw, _, query = request.target.partition(b"?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": request.method.decode(), "path": unquote(raw.decode("latin-1")), "raw_path": raw,
            "query_string": query, "headers": list(request.headers), "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
        }
        unread = [{"type": "http.request", "body": body, "more_body": False}]
        status, headers, parts = 500, [], []

        async def receive():
            return unread.pop() if unread else await asyncio.Event().wait()

        async def send(message):
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        async def ask():
            await self.app(scope, receive, send)
            return self.lacks.offset()

        # The request gets a separate context: MiniStack keeps account, region and signature in context variables.
        offset = await asyncio.get_running_loop().create_task(ask(), context=contextvars.Context())
        if offset:
            date = email.utils.formatdate(time.time() + offset, usegmt=True).encode()
            headers = [(n, date if n.lower() == b"date" else v) for n, v in headers]
        return status, headers, b"".join(parts)

    def write(self, call, status, code, outcome):
        line = {"n": next(self.numbers), **call, "status": status, "code": code,
                "outcome": outcome}
        if outcome != "failed":
            self.trail.add(call, status, code)
        if self.journal:
            self.journal.write(json.dumps(line) + "\n")

    def later(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # Rules -----------------------------------------------------------------

    def met(self, call):
        """Returns the rules that apply to this call, and counts the call for each rule that it matches."""
        turn = []
        for rule in list(self.rules.values()):
            if call["rig"] or rule["action"] not in ("*", call["action"]):
                continue
            if rule["writes"] and call["action"].startswith(READS):
                continue
            if any(rule[name] not in (None, call[name]) for name in ("account", "key", "service", "region")):
                continue
            rule["seen"] += 1
            if rule["nth"] <= rule["seen"] < rule["nth"] + rule["times"]:
                turn.append(rule)
        return turn

    def meet(self, rule, call):
        rule["call"] = call
        rule["reached"].set()

    async def hold(self, rule, call):
        self.meet(rule, call)
        await rule["released"].wait()

    async def steer(self, request, body):
        path, _, query = request.target.decode().partition("?")
        asked = json.loads(body) if body else {name: values[0] for name, values in parse_qs(query).items()}
        steers = {"rule": self.add_rule, "held": self.held, "release": self.release, "lag": self.lag,
                  "clock": self.clock}
        reply = json.dumps(await steers[path.removeprefix("/_rig/")](asked)).encode()
        return 200, [(b"content-type", b"application/json"), (b"content-length", str(len(reply)).encode())], reply

    async def add_rule(self, asked):
        number = next(self.numbers)
        self.rules[number] = {
            "when": "after", "nth": 1, "times": 1, "account": None, "key": None, "service": None,
            "region": None, "writes": False, "status": 503, "code": "ServiceUnavailable", "seconds": 1, **asked,
            "seen": 0, "call": None, "reached": asyncio.Event(), "released": asyncio.Event(),
        }
        return {"rule": number}

    async def held(self, asked):
        rule = self.rules[int(asked["rule"])]
        try:
            await asyncio.wait_for(rule["reached"].wait(), float(asked.get("timeout", 0)))
        except TimeoutError:
            return {"call": None}
        return {"call": rule["call"]}

    async def release(self, asked):
        rule = self.rules.pop(int(asked["rule"]), None)
        if rule:
            rule["released"].set()
        return {}

    async def lag(self, asked):
        self.lacks.lags[asked["account"]] = asked["seconds"]
        return {}

    async def clock(self, asked):
        self.lacks.ahead[asked["account"]] = asked["ahead"]
        return {}


def describe(request, body):
    """Returns the properties of a call, from its headers and body."""
    headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
    query = request.target.partition(b"?")[2].decode("latin-1")
    form = body.decode("utf-8", "replace") if "x-www-form-urlencoded" in headers.get("content-type", "") else ""
    params = {name: values[0] for name, values in parse_qs("&".join(filter(None, (query, form)))).items()}
    if body[:1] == b"{" and "json" in headers.get("content-type", ""):
        params.update(json.loads(body))
    scope = SCOPE.search(headers.get("authorization", "") or "Credential=" + params.get("X-Amz-Credential", ""))
    key, region, service = scope.groups() if scope else ("", "", "")
    action = params.pop("Action", "") or headers.get("x-amz-target", "").rpartition(".")[2]
    params.pop("Version", None)
    return {
        "time": time.time(), "key": key, "service": service, "region": region,
        "action": action or f"{request.method.decode()} {request.target.decode().partition('?')[0]}",
        "params": params, "rig": RIG_AGENT.decode() in headers.get("user-agent", ""),
        "agent": headers.get("user-agent", ""),
    }


def owner(key):
    """Returns the account of an access key and the name of its user, which can be `root` or None."""
    from ministack.services import iam, sts

    if re.fullmatch(r"\d{12}", key):
        return key, "root"
    if key in sts._sessions:
        session = sts._sessions[key]
        return session.get("AccountId"), session.get("PrincipalName") or session.get("Arn")
    for (account, held), record in list(iam._access_keys.to_dict().items()):
        if held == key:
            return account, record["UserName"]
    return (DEFAULT_ACCOUNT, "root") if key == "test" else (None, None)


def failure(rule, request):
    """Returns an error in the caller's protocol: the XML of Query, or AWS's JSON."""
    kind, reply = b"text/xml", (
        f"<ErrorResponse><Error><Type>Receiver</Type><Code>{rule['code']}</Code><Message>fault injected by the test rig"
        "</Message></Error><RequestId>rig</RequestId></ErrorResponse>").encode()
    if any(name.lower() == b"content-type" and b"json" in value for name, value in request.headers):
        kind = b"application/x-amz-json-1.1"
        reply = json.dumps({"__type": rule["code"], "message": "fault injected by the test rig"}).encode()
    return rule["status"], [(b"content-type", kind), (b"content-length", str(len(reply)).encode()),
                            (b"date", email.utils.formatdate(usegmt=True).encode())], reply


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
