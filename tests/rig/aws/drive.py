#!/usr/bin/env python3
"""Calls AWS with boto3. Reads one JSON request per line from stdin, and writes one JSON response per line to stdout.

    {"service": "iam", "op": "get_user", "args": {…}, "as": {"key", "secret", "token"}, "region": "eu-west-1"}
    -> {"ok": {…}} or {"error": {"code", "message", "status"}}

The endpoint is AWS_ENDPOINT_URL. The program does not retry calls. The program ends when its standard input ends.
"""

import base64
import datetime
import json
import os
import sys

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(retries={"total_max_attempts": 1}, user_agent_extra="breakglass-rig", connect_timeout=5,
                read_timeout=60, parameter_validation=False, s3={"addressing_style": "path"})


def main():
    for name in list(os.environ):
        if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL":
            del os.environ[name]
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull,
                      AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    clients = Clients()
    for line in sys.stdin:
        print(json.dumps(answer(clients, json.loads(line)), default=plain), flush=True)


class Clients:
    """Keeps one client for each service, region and credentials, because it takes long to create a client."""

    def __init__(self):
        self.session, self.made = botocore.session.Session(), {}

    def get(self, service, region, who):
        name = (service, region, who["key"], who["secret"], who.get("token"))
        if name not in self.made:
            self.made[name] = self.session.create_client(
                service, region_name=region, config=CONFIG, aws_access_key_id=who["key"],
                aws_secret_access_key=who["secret"], aws_session_token=who.get("token"),
            )
        return self.made[name]


def answer(clients, question):
    try:
        client = clients.get(question["service"], question.get("region") or "eu-west-1", question["as"])
        reply = getattr(client, question["op"])(**(question.get("args") or {}))
    except ClientError as error:
        said = error.response["Error"]
        return {"error": {"code": said.get("Code", ""), "message": said.get("Message", ""),
                          "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}}
    except (BotoCoreError, AttributeError) as error:
        return {"error": {"code": type(error).__name__, "message": str(error), "status": 0}}
    return {"ok": reply}


def plain(value):
    """Converts values of types that JSON does not have."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if hasattr(value, "read"):
        value = value.read()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    main()
