"""CloudTrail's event history in the emulated AWS, made from the calls that MiniStack answered. The table lists what
MiniStack's own event history lacks.

| added | what MiniStack does | what AWS documents |
| --- | --- | --- |
| caller in the events of LookupEvents | every caller is an IAM user whose name is the key | userIdentity: IAMUser, Root, AssumedRole, FederatedUser |
| errorCode | never set | the error code, if AWS refused the call |
| NextToken | never set; only the first 50 events can be read | pages of at most 50 events; a token for the next page of the same query |
| throttling | never throttles | two requests a second in each region of an account |
| IAM's calls are in us-east-1 | in the region of the signature | global services' events are in us-east-1 |
| userAgent | always the same text | the User-Agent header of the request |
| no data events | every call is an event | the event history has only management events |
| requestParameters of IAM's calls; lookups by ResourceName | never set; find nothing | the request's fields; events on this user or policy |

The history leaves out calls that AWS could not authenticate. Calls that a test delayed (`late`) are in the history.
MiniStack's policies decide whether a caller is allowed to query the history.
"""

import collections
import datetime
import hashlib
import json
import time
import uuid

PAGE = 50
PER_SECOND = 2
UNAUTHENTICATED = {"InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
                   "IncompleteSignature", "UnrecognizedClientException", "InvalidAccessKeyId"}
S3 = {"GET": "ListBuckets", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}


class Trail:
    def __init__(self):
        self.events = []
        self.asked = collections.defaultdict(collections.deque)

    def add(self, call, status, code):
        """Records a call that took effect, or that AWS refused, as an event."""
        name = event_name(call)
        if status is None or code in UNAUTHENTICATED or not call["account"] or not name:
            return
        identity, user = who(call)
        region = "us-east-1" if call["service"] == "iam" else call["region"]
        parameters, resources = request(call) if call["service"] == "iam" else (None, [])
        at = int(call["time"])
        event = {
            "eventVersion": "1.10", "userIdentity": identity,
            "eventTime": datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": f"{call['service']}.amazonaws.com", "eventName": name, "awsRegion": region,
            "sourceIPAddress": "127.0.0.1", "userAgent": call["agent"], "requestParameters": parameters,
            "responseElements": None, "requestID": str(uuid.uuid4()), "eventID": str(uuid.uuid4()),
            "readOnly": name.startswith(("Get", "List", "Describe")), "eventType": "AwsApiCall",
            "managementEvent": True, "recipientAccountId": call["account"], "eventCategory": "Management",
        }
        if code:
            event |= {"errorCode": code, "errorMessage": "refused by the emulated AWS"}
        self.events.append((call["account"], region, {
            "EventId": event["eventID"], "EventName": name, "EventTime": at, "EventSource": event["eventSource"],
            "ReadOnly": str(event["readOnly"]).lower(), "AccessKeyId": call["key"], "Username": user,
            "Resources": resources, "CloudTrailEvent": json.dumps(event),
        }))

    def lookup(self, call):
        """Returns the status and the JSON of the answer to a LookupEvents call that MiniStack has authorised."""
        if self.is_too_fast(call["account"], call["region"]):
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        asked = dict(call["params"])
        token = asked.pop("NextToken", None)
        question = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        start = 0
        if token is not None:
            of, _, place = token.partition(".")
            if of != question:
                return 400, {"__type": "InvalidNextTokenException", "message": "the token belongs to another query"}
            start = int(place)
        found = [event for account, region, event in reversed(self.events)
                 if (account, region) == (call["account"], call["region"]) and matches(event, asked)]
        size = min(int(asked.get("MaxResults", PAGE)), PAGE)
        page = {"Events": found[start:start + size]}
        if start + size < len(found):
            page["NextToken"] = f"{question}.{start + size}"
        return 200, page

    def is_too_fast(self, account, region):
        # The rate limit's period is a little less than a second, because requests can arrive closer together than they
        # were sent.
        now, asked = time.monotonic(), self.asked[account, region]
        while asked and asked[0] < now - 0.9:
            asked.popleft()
        if len(asked) >= PER_SECOND:
            return True
        asked.append(now)
        return False


def matches(event, asked):
    if not asked.get("StartTime", 0) <= event["EventTime"] <= asked.get("EndTime", float("inf")):
        return False
    def has(name, value):
        if name == "ResourceName":
            return any(resource["ResourceName"] == value for resource in event["Resources"])
        return event.get(name) == value

    return all(has(a["AttributeKey"], a["AttributeValue"]) for a in asked.get("LookupAttributes", []))


def request(call):
    """Returns IAM's request as CloudTrail shows it, and the resources of the request."""
    given = {name: value for name, value in (call["params"] or {}).items() if name not in ("Action", "Version")}
    kinds = {"UserName": "AWS::IAM::User", "PolicyArn": "AWS::IAM::Policy", "AccessKeyId": "AWS::IAM::AccessKey"}
    resources = [{"ResourceType": kind, "ResourceName": given[name]} for name, kind in kinds.items() if name in given]
    return {name[0].lower() + name[1:]: value for name, value in given.items()} or None, resources


def event_name(call):
    """Returns the name of the event, or None for data events and CloudTrail's own reads."""
    if call["service"] == "cloudtrail":
        return None
    method, _, path = call["action"].partition(" ")
    if call["service"] == "s3":
        return S3.get(method) if path.strip("/").count("/") == 0 else None
    return None if path else method


def who(call):
    """Returns the userIdentity of a call, and the name by which the caller is looked up."""
    from ministack.services import sts

    account, key = call["account"], call["key"]
    session = sts._sessions.get(key)
    identity = {"accountId": account, "accessKeyId": key}
    if session and session["PrincipalType"] in ("AssumedRole", "FederatedUser"):
        name = session["Arn"].rpartition("/")[2]
        return {"type": session["PrincipalType"], "principalId": session["UserId"], "arn": session["Arn"],
                **identity}, name
    user = call["principal"] or ""
    if user == "root":
        return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", **identity}, "root"
    found = {"type": "IAMUser", "principalId": "AIDARIG", "arn": f"arn:aws:iam::{account}:user/{user}", **identity,
             "userName": user}
    if session:
        found["sessionContext"] = {"attributes": {"mfaAuthenticated": str(bool(session.get("Mfa"))).lower()}}
    return found, user
