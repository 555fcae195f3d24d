"""Lets Schemathesis attack as somebody: `AUTH_ATTACK_AS` says by `bearer` or by `cookie`.

Whoever signs out, deletes the account or changes its password is somebody new at the next request.
Of every four requests that are valid by the description, one gets values that mean something: tokens
that were mailed or issued, codes of the moment, the right password. Random ones would never pass.
"""

import base64
import hmac
import json
import os
import struct
import time
import urllib.error
import urllib.request

import schemathesis
from schemathesis.generation import GenerationMode

ORIGIN = os.environ["AUTH_ATTACK_ORIGIN"]
BY = os.environ["AUTH_ATTACK_AS"]
PREFIX = "/api/auth"
MOUNT = ORIGIN + PREFIX
CREDENTIAL = "Cookie" if BY == "cookie" else "Authorization"
PASSWORD = "seven plum tractors hum"
# A sign-in stays recent for five minutes.
RECENT = 240


class Somebody:
    def __init__(self):
        self.email = sign_up()
        self.since = time.monotonic()
        self.has_second_factor = False
        call("POST", "/activate-account", {"token": mailed(self.email)})
        delivery = {"delivery": "cookie"} if BY == "cookie" else {}
        credentials = {"email": self.email, "password": PASSWORD} | delivery
        body, cookies = call("POST", "/sign-in", credentials)
        if BY == "cookie":
            self.headers = {"Cookie": "; ".join(cookies), "Sec-Fetch-Site": "same-origin"}
        else:
            self.headers = {"Authorization": f"Bearer {body['access_token']}"}
        self.refresh_token = body.get("refresh_token")
        self.recovery_codes = []

    def is_signed_in(self):
        if time.monotonic() - self.since > RECENT:
            return False
        try:
            body, _ = self.call("GET", "/me")
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            return False
        self.email = body["email"]
        self.has_second_factor = body["two_factor_enabled"]
        return not self.has_second_factor or len(self.recovery_codes) > 0

    def call(self, method, path, body=None):
        return call(method, path, body, self.headers)

    def sensible(self, path):
        """What gets somebody through an endpoint at this moment."""
        values = {
            "email": self.email,
            "new_email": fresh_address(),
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": PASSWORD + " along",
            "refresh_token": self.refresh_token,
            "language": "fr",
            "others": True,
        }
        if path == "/activate-account":
            values["token"] = mailed(sign_up())
        elif path == "/reset-password":
            call("POST", "/request-password-reset", {"email": self.email})
            values["token"] = mailed(self.email, "reset-password")
        elif path == "/confirm-email-change":
            self.call("POST", "/change-email", {"new_email": values["new_email"]})
            values["token"] = mailed(values["new_email"])
        elif path == "/confirm-2fa" and not self.has_second_factor:
            enrolment, _ = self.call("POST", "/enable-2fa")
            values["code"] = totp(enrolment["secret"])
        elif path in ("/disable-2fa", "/recovery-codes", "/sign-in-mfa"):
            values["code"] = self.recovery_code()
            if path == "/sign-in-mfa":
                credentials = {"email": self.email, "password": PASSWORD}
                challenge, _ = call("POST", "/sign-in", credentials)
                values["mfa_token"] = challenge["mfa_token"]
        return values

    def recovery_code(self):
        if not self.has_second_factor:
            enrolment, _ = self.call("POST", "/enable-2fa")
            code = totp(enrolment["secret"])
            confirmation, _ = self.call("POST", "/confirm-2fa", {"code": code})
            self.recovery_codes = confirmation["recovery_codes"]
        return self.recovery_codes.pop()


def fresh_address():
    global addresses
    addresses += 1
    return f"{BY}-{os.getpid()}-{addresses}@example.com"


def sign_up():
    address = fresh_address()
    call("POST", "/sign-up", {"email": address, "password": PASSWORD})
    return address


def call(method, path, body=None, headers=None, root=MOUNT):
    headers = {"Origin": ORIGIN} | (headers or {})
    if body is not None:
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(root + path, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie", [])]
        text = answer.read()
        return json.loads(text) if text else None, cookies


def mailed(address, page=""):
    """The token of the newest mail to an address."""
    for _ in range(500):
        mails, _ = call("GET", "/dev/mailbox.json", root=ORIGIN)
        for mail in mails:
            if mail["to"].endswith(address) and mail["link"] and page in mail["link"]:
                return mail["link"].partition("#token=")[2]
        time.sleep(0.02)
    raise TimeoutError(f"no mail came to {address}")


def totp(secret):
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    number = struct.unpack_from(">I", digest, digest[-1] & 15)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


addresses = 0
issued = set()
somebody = None
requests = 0


def signed_in():
    global somebody
    if somebody is None or not somebody.is_signed_in():
        somebody = Somebody()
        issued.add(somebody.headers[CREDENTIAL])
    return somebody


@schemathesis.auth(refresh_interval=None)
class SignedIn:
    def get(self, case, context):
        return (somebody or signed_in()).headers

    def set(self, case, headers, context):
        case.headers.update(headers)


@schemathesis.hook
def before_call(context, case, kwargs):
    global requests
    # Requests are made up long before they are sent; those without a credential stay so.
    if not case.headers or case.headers.get(CREDENTIAL) not in issued:
        return
    case.headers.update(signed_in().headers)
    if case.meta is None or not isinstance(case.body, dict):
        return
    if case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    requests += 1
    if requests % 4 == 0:
        values = somebody.sensible(case.path.removeprefix(PREFIX))
        case.body |= {field: values[field] for field in case.body.keys() & values.keys()}
        # What the account is told from is one of the two.
        if "email" in case.body:
            case.body.pop("username", None)
