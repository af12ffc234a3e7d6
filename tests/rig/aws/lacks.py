"""The features of AWS that MiniStack lacks and this rig adds. None of the additions was compared with AWS.

| added | what MiniStack does without it | what AWS documents |
| --- | --- | --- |
| condition key iam:PolicyARN | the key is absent, so a statement with this condition never allows | the policy that is attached or detached |
| condition key iam:PermissionsBoundary | the key is absent, so a statement with this condition never allows | the boundary of the user that the call changes, or the boundary that the call sets |
| managed policy AWSDenyAll | can be attached, but denies nothing | denies every action on every resource |
| AttachUserPolicy of an unknown policy | accepted | NoSuchEntity |
| List/UploadSSHPublicKey(s), List/UploadSigningCertificate(s), List/CreateServiceSpecificCredential(s) | InvalidAction | the calls list and create a user's credentials that are not access keys |
| PutUserPolicy over 2,048 characters, CreatePolicy over 6,144 | accepted | LimitExceeded; white space is not counted |
| Sid with a character that is not a letter or digit, or twice in one policy | accepted | MalformedPolicyDocument |
| third access key of a user | accepted | LimitExceeded |
| GetSessionToken under 900 s or over 129,600 s | accepted | ValidationError |
| CreateVirtualMFADevice: a seed in base32 | a seed with digits that base32 does not have | RFC 4648 |
| SerialNumber and TokenCode of GetSessionToken and AssumeRole | ignored | AccessDenied, unless the device's code (RFC 6238) is correct for the current, previous or next step, and was not used before |
| aws:MultiFactorAuthPresent | false in every session | true in a call with a correct code, and in a session that GetSessionToken issued for a correct code |
| AssumeRole beyond the role's MaxSessionDuration | accepted | ValidationError |
| IAM called with a session of GetSessionToken or GetFederationToken | only the policies decide | InvalidClientTokenId without MFA |
| a lag between an IAM write and its effect, if a test sets a lag | every write takes effect at once | IAM is eventually consistent |
| a clock that is ahead, for one account, if a test sets it ahead | AWS's clock is the machine's clock | — |

MiniStack itself implements signatures, access key status, aws:CurrentTime, aws:TokenIssueTime, aws:RequestedRegion,
permissions boundaries and session policies.
"""

import base64
import contextvars
import copy
import datetime
import hashlib
import hmac
import json
import secrets
import time
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id
from ministack.services import iam, sts

DENY_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
}
USER_INLINE_QUOTA, MANAGED_QUOTA = 2048, 6144

# The actions for which AWS documents the condition keys iam:PolicyARN and iam:PermissionsBoundary.
NAMES_POLICY = {f"iam:{verb}{kind}Policy" for verb in ("Attach", "Detach") for kind in ("User", "Role", "Group")}
NAMES_BOUNDARY = {
    f"iam:{action}"
    for kind in ("User", "Role")
    for action in (f"Attach{kind}Policy", f"Detach{kind}Policy", f"Put{kind}Policy", f"Delete{kind}Policy",
                   f"Delete{kind}PermissionsBoundary")
}
REQUESTS_BOUNDARY = {"iam:CreateUser", "iam:CreateRole", "iam:PutUserPermissionsBoundary",
                     "iam:PutRolePermissionsBoundary"}


def install():
    """Adds every feature of the table above to MiniStack. Call install() once, before the first request."""
    add_condition_keys()
    add_deny_all()
    add_other_credentials()
    add_quotas()
    add_session_limits()
    add_mfa()
    add_lag()
    add_clock()


def error(status, code, message, ns="iam"):
    return iam._error(status, code, message, ns=ns)


# Condition keys ------------------------------------------------------------


def fields(body, params):
    """Returns the request's parameters by name, from a form body or a JSON body."""
    found = {name: value[0] if isinstance(value, list) else value for name, value in params.items()}
    if body[:1] == b"{":
        try:
            found.update(json.loads(body))
        except ValueError:
            pass
    return found


def add_condition_keys():
    tags = iam_actions.request_tag_context

    def context(service, action, body, params):
        keys = tags(service, action, body, params)
        if service != "iam":
            return keys
        given = fields(body, params)
        if action in NAMES_POLICY and given.get("PolicyArn"):
            keys["iam:PolicyARN"] = given["PolicyArn"]
        boundary = None
        if action in REQUESTS_BOUNDARY:
            boundary = given.get("PermissionsBoundary")
        elif action in NAMES_BOUNDARY:
            holder = iam._users.get(given.get("UserName")) or iam._roles.get(given.get("RoleName")) or {}
            boundary = holder.get("PermissionsBoundary")
        if boundary:
            keys["iam:PermissionsBoundary"] = boundary
        return keys

    iam_actions.request_tag_context = context


# Policies ------------------------------------------------------------------


def add_deny_all():
    record = iam._make_aws_managed_record("AWSDenyAll", json.dumps(DENY_ALL), description="Denies all access.")
    iam._aws_managed_policies[record["Arn"]] = record
    attach = iam._IAM_HANDLERS["AttachUserPolicy"]

    def attach_known(p):
        arn = iam._p(p, "PolicyArn")
        if not iam._policy_exists(arn):
            return error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
        return attach(p)

    iam._IAM_HANDLERS["AttachUserPolicy"] = attach_known


def size(document):
    """Returns the number of characters of a policy that count towards its quota."""
    return len("".join(document.split()))


def add_quotas():
    validate = iam_evaluator.validate_policy_document

    def validate_sids(document):
        wrong = validate(document)
        if wrong:
            return wrong
        statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
        sids = [s["Sid"] for s in ([statements] if isinstance(statements, dict) else statements) if s.get("Sid")]
        if not all(sid.isascii() and sid.isalnum() for sid in sids):
            return "Statement IDs (SID) must be alpha-numeric."
        if len(set(sids)) < len(sids):
            return "Statement IDs (SID) in a single policy must be unique."
        return None

    iam_evaluator.validate_policy_document = validate_sids
    put, create, key = (iam._IAM_HANDLERS[n] for n in ("PutUserPolicy", "CreatePolicy", "CreateAccessKey"))

    def put_user_policy(p):
        user = iam._p(p, "UserName")
        policies = {**(iam._user_inline_policies.get(user) or {}),
                    iam._p(p, "PolicyName"): iam._p(p, "PolicyDocument")}
        if sum(size(document) for document in policies.values()) > USER_INLINE_QUOTA:
            return error(409, "LimitExceeded",
                         f"Maximum policy size of {USER_INLINE_QUOTA} bytes exceeded for user {user}")
        return put(p)

    def create_policy(p):
        if size(iam._p(p, "PolicyDocument")) > MANAGED_QUOTA:
            return error(409, "LimitExceeded", f"Cannot exceed quota for PolicySize: {MANAGED_QUOTA}")
        return create(p)

    def create_access_key(p):
        user = iam._p(p, "UserName")
        if sum(held["UserName"] == user for held in iam._access_keys.values()) >= 2:
            return error(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
        return key(p)

    iam._IAM_HANDLERS.update(PutUserPolicy=put_user_policy, CreatePolicy=create_policy,
                             CreateAccessKey=create_access_key)


# A user's other credentials ------------------------------------------------


def add_other_credentials():
    kinds = (
        # list action, list element, create action, result element, fields of one credential
        ("ListSSHPublicKeys", "SSHPublicKeys", "UploadSSHPublicKey", "SSHPublicKey",
         lambda p: {"SSHPublicKeyId": iam._gen_id("APKA"), "UploadDate": iam._now()}),
        ("ListSigningCertificates", "Certificates", "UploadSigningCertificate", "Certificate",
         lambda p: {"CertificateId": iam._gen_id("ASCA"), "CertificateBody": iam._p(p, "CertificateBody"),
                    "UploadDate": iam._now()}),
        ("ListServiceSpecificCredentials", "ServiceSpecificCredentials", "CreateServiceSpecificCredential",
         "ServiceSpecificCredential",
         lambda p: {"ServiceSpecificCredentialId": iam._gen_id("ACCA"), "ServiceName": iam._p(p, "ServiceName"),
                    "ServiceUserName": iam._p(p, "UserName") + "-at-" + get_account_id(),
                    "CreateDate": iam._now()}),
    )
    for kind in kinds:
        add_credential_kind(*kind)


def add_credential_kind(lists, elements, makes, element, fields_of):
    held = AccountScopedDict()

    def xml(credential):
        return "".join(f"<{name}>{value}</{name}>" for name, value in credential.items())

    def known(handler):
        def checked(p):
            user = iam._p(p, "UserName")
            if user not in iam._users:
                return error(404, "NoSuchEntity", f"The user with name {user} cannot be found.")
            return handler(p, user)
        return checked

    def list_all(p, user):
        found = "".join(f"<member>{xml(c)}</member>" for c in held.get(user, []))
        return iam._xml(200, f"{lists}Response", f"<{lists}Result><{elements}>{found}</{elements}>"
                        f"<IsTruncated>false</IsTruncated></{lists}Result>")

    def make(p, user):
        credential = {"UserName": user, "Status": "Active", **fields_of(p)}
        held[user] = [*held.get(user, []), credential]
        return iam._xml(200, f"{makes}Response",
                        f"<{makes}Result><{element}>{xml(credential)}</{element}></{makes}Result>")

    iam._IAM_HANDLERS.update({lists: known(list_all), makes: known(make)})


# Sessions ------------------------------------------------------------------


def add_session_limits():
    enforce, handle = iam_evaluator.enforce, sts.handle_request

    def no_iam(key, action, service, region, **rest):
        judged = enforce(key, action, service, region, **rest)
        session = sts._sessions.get(key)
        if (session and service == "iam" and session.get("PrincipalType") != "AssumedRole"
                and not isinstance(judged, iam_evaluator.AuthError)):
            return iam_evaluator.AuthError("InvalidClientTokenId",
                                           "The security token included in the request is invalid")
        return judged

    async def bounded(method, path, headers, body, params):
        given, asks = asked(headers, body, params)
        seconds = given.get("DurationSeconds")
        role = iam._roles.get(given.get("RoleArn", "").rpartition("/")[2]) or {}
        longest = int(role.get("MaxSessionDuration") or 3600)
        if asks == "AssumeRole" and seconds and int(seconds) > longest:
            return error(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set "
                         "for this role.", ns="sts")
        if asks == "GetSessionToken" and seconds and not 900 <= int(seconds) <= 129600:
            return error(400, "ValidationError", f"1 validation error detected: Value '{seconds}' at "
                         "'durationSeconds' failed to satisfy constraint: Member must have value between "
                         "900 and 129600", ns="sts")
        return await handle(method, path, headers, body, params)

    iam_evaluator.enforce = no_iam
    sts.handle_request = bounded


def asked(headers, body, params):
    """Returns the parameters of an STS call, and its action."""
    given = fields(body, {**params, **parse_qs(body.decode("utf-8", "replace"))})
    return given, given.get("Action") or headers.get("x-amz-target", "").rpartition(".")[2]


# MFA -----------------------------------------------------------------------

STEP = 30  # seconds
right_code = contextvars.ContextVar("right_code", default=False)
spent = set()  # pairs (device, step) whose code has been used


def add_mfa():
    create, keys = iam._IAM_HANDLERS["CreateVirtualMFADevice"], iam_evaluator._principal_keys
    register, handle = sts.register_session, sts.handle_request

    def create_with_seed(p):
        before = set(iam._mfa_devices)
        answer = create(p)
        for serial in set(iam._mfa_devices) - before:
            iam._mfa_devices[serial]["Base32StringSeed"] = base64.b32encode(secrets.token_bytes(40)).decode()
            answer = iam._xml(200, "CreateVirtualMFADeviceResponse",
                              "<CreateVirtualMFADeviceResult><VirtualMFADevice>"
                              f"{iam._virtual_mfa_xml(serial, include_user=False)}"
                              "</VirtualMFADevice></CreateVirtualMFADeviceResult>", ns="iam")
        return answer

    def keys_with_mfa(credential):
        found = keys(credential)
        session = sts._sessions.get(credential.access_key_id) or {}
        if right_code.get() or session.get("Mfa"):
            found["aws:multifactorauthpresent"] = "true"
        return found

    def register_with_mfa(access_key, session):
        if right_code.get() and session.get("PrincipalType") != "AssumedRole":
            session["Mfa"] = True
        register(access_key, session)

    async def handle_with_mfa(method, path, headers, body, params):
        given, asks = asked(headers, body, params)
        if asks in ("GetSessionToken", "AssumeRole") and given.get("SerialNumber"):
            if not takes(given["SerialNumber"], given.get("TokenCode", "")):
                return error(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass "
                             "code. ", ns="sts")
            right_code.set(True)
        return await handle(method, path, headers, body, params)

    iam._IAM_HANDLERS["CreateVirtualMFADevice"] = create_with_seed
    iam_evaluator._principal_keys = sts._principal_keys = keys_with_mfa
    sts.register_session = register_with_mfa
    sts.handle_request = handle_with_mfa


def takes(serial, code):
    """Returns whether a device's code is correct for the current, previous or next step. Accepts each code once."""
    device = iam._mfa_devices.get(serial) or {}
    if not device.get("User"):
        return False
    now = int(Time().time()) // STEP
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(code, totp(device["Base32StringSeed"], step)) and (serial, step) not in spent:
            spent.add((serial, step))
            return True
    return False


def totp(seed, step):
    """Returns the one-time password of a step (RFC 6238: SHA-1, six digits)."""
    mac = hmac.new(base64.b32decode(seed + "=" * (-len(seed) % 8)), step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


# Lag -----------------------------------------------------------------------

STORES = ("_users", "_user_inline_policies", "_access_keys", "_groups", "_group_inline_policies", "_policies")
lags = {}  # account -> seconds until a write takes effect
past = {}  # account -> [(when the write takes effect, the stores before the write)]


def add_lag():
    """Evaluates requests with IAM's state of `lag` seconds ago. Reads of IAM still return the newest state."""
    enforce = iam_evaluator.enforce

    def lagged(key, action, service, region, **rest):
        account = get_account_id()
        waiting = past[account] = [w for w in past.get(account, []) if w[0] > time.monotonic()]
        if not waiting:
            return enforce(key, action, service, region, **rest)
        now = {name: getattr(iam, name) for name in STORES}
        try:
            for name, store in waiting[0][1].items():
                setattr(iam, name, store)
            return enforce(key, action, service, region, **rest)
        finally:
            for name, store in now.items():
                setattr(iam, name, store)

    iam_evaluator.enforce = lagged
    for name, handler in iam._IAM_HANDLERS.items():
        if not name.startswith(("Get", "List", "Simulate", "Generate")):
            iam._IAM_HANDLERS[name] = remembering(handler)


def remembering(handler):
    def write(p):
        account = get_account_id()
        if lags.get(account):
            before = {name: copy.deepcopy(getattr(iam, name)) for name in STORES}
            past.setdefault(account, []).append((time.monotonic() + lags[account], before))
        return handler(p)
    return write


# Clock ---------------------------------------------------------------------

ahead = {}  # account -> number of seconds by which AWS's clock is ahead of the machine's clock


def offset():
    return ahead.get(get_account_id(), 0)


class Time:
    """Replaces the module `time` and shows AWS's clock. Signatures are still checked with the machine's clock,
    because boto3 signs with the machine's clock."""

    def __getattr__(self, name):
        return getattr(time, name)

    def time(self):
        return time.time() + offset()

    def gmtime(self, seconds=None):
        return time.gmtime(self.time() if seconds is None else seconds)


class Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=offset())


class DatetimeModule:
    datetime = Datetime

    def __getattr__(self, name):
        return getattr(datetime, name)


def add_clock():
    iam.time = sts.time = iam_evaluator.time = Time()
    # MiniStack's own eviction of sessions is switched off, because it would compare the sessions of all accounts with
    # one account's clock.
    sts._evict_expired_sessions = lambda: None
    iam_evaluator._dt = DatetimeModule()
